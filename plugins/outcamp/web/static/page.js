// What the pages do in the browser. Without it they can still be read, filtered and sorted.
const framed = window.parent !== window;
const { airflow, base, dag } = document.body.dataset;
const FRESH = 10_000;

// Airflow's own pages open in Airflow, not inside of the frame: its router hears of a new address by this event.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-airflow]");
  if (!link || !framed || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  window.parent.history.pushState({}, "", link.href);
  window.parent.dispatchEvent(new window.parent.PopStateEvent("popstate", { state: {} }));
});

const said = document.querySelector("#said");
const say = (text, bad = false) => {
  said.textContent = text;
  said.classList.toggle("bad", bad);
};

const ask = async (method, address, body) => {
  const answer = await fetch(address, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const text = await answer.text();
  if (answer.ok) return text;
  let told = { detail: `Airflow answered ${answer.status}.` };
  try {
    told = JSON.parse(text);
  } catch {
    // It was not JSON: the number has to do.
  }
  const why = typeof told.detail === "string" ? told.detail : `Airflow answered ${answer.status}.`;
  throw new Error(answer.status === 403 ? `You may not do this: ${why}` : [why, told.next_step].filter(Boolean).join(" Next: "));
};

// Pause, unpause and trigger are Airflow's, with its permission and its audit row; the others are outcamp's.
const own = (action) => async () => JSON.parse(await ask("POST", `${base}/campaigns/${encodeURIComponent(dag)}/${action}`, {})).said;
const switched = (paused, words) => async () => {
  await ask("PATCH", `${airflow}/api/v2/dags/${encodeURIComponent(dag)}?update_mask=is_paused`, { is_paused: paused });
  return words;
};
const ACTIONS = {
  pause: switched(true, "Paused. Nothing more is sent until it is unpaused."),
  unpause: switched(false, "Unpaused. The next wave takes what has waited."),
  trigger: async () => {
    const run = JSON.parse(await ask("POST", `${airflow}/api/v2/dags/${encodeURIComponent(dag)}/dagRuns`, { logical_date: null, conf: { contact_again: true } }));
    return `Triggered: the run ${run.dag_run_id} is a new occurrence.`;
  },
  stop: own("stop"),
  resume: own("resume"),
  delete: own("delete"),
};

const act = async (action) => {
  say("…");
  try {
    say(await ACTIONS[action]());
  } catch (error) {
    say(error.message, true);
  }
  // What was pressed is replaced with what may be pressed now.
  await refresh(true);
  document.querySelector(".actions button")?.focus({ focusVisible: false });
};

const copy = async (text) => {
  try {
    await navigator.clipboard.writeText(text); // browsers have it on https and localhost only
    say("Copied.");
  } catch {
    say("The browser does not let this page copy: mark the line instead.", true);
  }
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { asks, does, copies } = button.dataset;
  if (asks) document.querySelector(`#ask-${asks}`).showModal();
  if (does) act(does);
  if (copies) copy(document.querySelector(`#${copies}`).textContent);
});

document.querySelectorAll("form[data-filter] select").forEach((select) => select.addEventListener("change", () => select.form.requestSubmit()));

const seek = document.querySelector("#seek");
seek?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const story = document.querySelector("#story");
  story.setAttribute("aria-busy", "true");
  try {
    // In the body and never in the address: addresses are logged.
    const page = await ask("POST", `${base}/campaigns/${encodeURIComponent(dag)}/recipient`, { recipient_id: seek.elements.recipient_id.value });
    story.replaceChildren(...new DOMParser().parseFromString(page, "text/html").body.childNodes);
  } catch (error) {
    story.textContent = error.message;
  }
  story.removeAttribute("aria-busy");
});

// The numbers move by themselves, while somebody looks and does not work in them.
const refresh = async (now = false) => {
  const live = document.querySelector("#live");
  const busy = live?.querySelector(":focus-visible") || document.querySelector("dialog[open]");
  if (!live || (busy && !now)) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#live");
  if (fresh && fresh.innerHTML !== live.innerHTML) live.replaceChildren(...fresh.childNodes);
};
if (document.querySelector("#live")) setInterval(() => document.hidden || refresh().catch(() => {}), FRESH);
