// Wears Airflow's theme: the pages stand in a frame of the same origin, whose root element says light or dark.
(() => {
  const own = document.documentElement;
  const outer = window.parent === window ? null : window.parent.document;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const wear = () => {
    const said = /\b(light|dark)\b/.exec(outer?.documentElement.className ?? "");
    own.dataset.theme = said ? said[1] : system.matches ? "dark" : "light";
    const ground = outer && getComputedStyle(outer.body).backgroundColor;
    if (ground && !/transparent|\b0\)$/.test(ground)) own.style.setProperty("--ground", ground);
  };
  if (outer) new MutationObserver(wear).observe(outer.documentElement, { attributeFilter: ["class"] });
  system.addEventListener("change", wear);
  wear();
})();
