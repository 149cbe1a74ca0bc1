"""Real people with a real browser: they log in, look at campaigns, watch a run, pause, unpause and stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Visit = Callable[..., Any]


def test_a_run_is_watched_to_its_end(running: Any, visit: Visit) -> None:
    """The page of a campaign moves by itself: it is open before the wave has ended, and shows in the end what was sent."""
    browser = visit()
    running.wait(lambda: bool(running.api("GET", "/dags?tags=outcamp&limit=10")["total_entries"] >= 5), "parsing the campaigns")
    frame = browser.open("welcome")
    frame.locator(".badge", has_text="Completed").wait_for()
    frame.get_by_text("no outcome yet").wait_for(state="hidden")
    assert "600" == frame.locator(".tiles dd").first.inner_text().split()[0]


def test_campaigns_are_found_in_the_navigation_and_open_in_airflow(running: Any, visit: Visit) -> None:
    """From the navigation to the list, from the list to the campaign's tab, from there to a wave's: all inside of Airflow."""
    browser = visit(color_scheme="light")
    browser.page.get_by_role("link", name="Campaigns").or_(browser.page.get_by_role("button", name="Campaigns")).first.click()
    frame = browser.frame("Campaigns")
    frame.get_by_role("link", name="spring-renewal").wait_for()
    assert 4 == frame.locator("tbody tr").count()
    running.wait(lambda: "–" not in frame.locator("tbody").inner_text().split("\n")[0], "counting")
    browser.shoot("campaigns-light")
    frame.get_by_role("link", name="spring-renewal").click()
    browser.page.wait_for_url("**/dags/outcamp.spring-renewal/plugin/outcamp-campaign")
    tab = browser.frame("Campaign")
    tab.get_by_role("heading", name="Sends by hour, and who can be reached when").wait_for()
    tab.get_by_text("America/New_York").wait_for()
    browser.shoot("campaign-light")
    tab.locator("section[aria-labelledby=newest] a").last.click()
    browser.page.wait_for_url("**/dags/outcamp.spring-renewal/runs/*/plugin/outcamp-wave")
    wave = browser.frame("Wave")
    wave.get_by_role("heading", name="Verdicts", exact=True).wait_for()
    assert "625" == wave.locator(".tiles dd").first.inner_text()
    browser.shoot("wave-light", height=660)


def test_an_occurrence_is_approved_where_airflow_asks_for_it(running: Any, visit: Visit) -> None:
    """The campaign's page leads to the question; it shows the funnel, and after Approve the campaign sends."""
    browser = visit(color_scheme="light")
    asked = "/dags/outcamp.autumn-offer/dagRuns/~/hitlDetails?response_received=false&state=awaiting_input"
    running.wait(lambda: running.api("GET", asked)["total_entries"] == 1, "the question")
    frame = browser.open("autumn-offer")
    link = frame.get_by_role("link", name="approve or reject the occurrence")
    link.wait_for()
    browser.shoot("asking")
    link.click()
    approve = browser.page.locator("[data-testid=hitl-option-Approve]")
    approve.wait_for()
    browser.page.get_by_text("Contact 600 people of autumn-offer now?").first.wait_for()
    browser.page.get_by_role("cell", name="no phone number or e-mail address of theirs is valid for the channel").wait_for()
    browser.shoot("approve")
    approve.click()
    frame = browser.open("autumn-offer")
    frame.locator(".badge", has_text="Completed").wait_for()
    assert "600" == frame.locator(".tiles dd").first.inner_text().split()[0]
    assert 0 == frame.get_by_text("Nothing is sent before somebody has answered").count()


def test_dark_and_narrow(visit: Visit) -> None:
    """The pages wear Airflow's dark theme, and on a phone nothing runs out of the screen."""
    browser = visit(color_scheme="dark")
    frame = browser.open("spring-renewal")
    assert "dark" == frame.locator("html").get_attribute("data-theme")
    browser.shoot("campaign-dark")
    frame.get_by_role("heading", name="Sends by hour").scroll_into_view_if_needed()
    browser.shoot("hours-dark")
    browser.page.goto(f"{browser.url}/plugin/outcamp")
    browser.frame("Campaigns").get_by_role("link", name="welcome").wait_for()
    browser.shoot("campaigns-dark")
    browser.page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/outcamp/", "/outcamp/campaigns/outcamp.spring-renewal/"):
        browser.page.goto(browser.url + path)
        browser.page.locator("h1").wait_for()
        assert 390 >= browser.page.evaluate("document.documentElement.scrollWidth"), path
    browser.shoot("phone-campaign")


def test_pause_and_unpause(running: Any, visit: Visit) -> None:
    """The buttons turn Airflow's own switch, and the page and Airflow's API say the same."""
    browser = visit()
    frame = browser.open("win-back")
    for button, state, paused in (("Pause", "Paused", True), ("Unpause", "Active", False)):
        frame.get_by_role("button", name=button, exact=True).click()
        frame.locator(f".badge.{state}").wait_for()
        assert paused == running.api("GET", "/dags/outcamp.win-back")["is_paused"]


def test_a_trigger_asks_first_and_makes_a_run(running: Any, visit: Visit) -> None:
    """Trigger says whom it contacts again; Escape leaves everything as it is, and the button makes a new occurrence."""
    browser = visit()
    frame = browser.open("win-back")
    runs = running.api("GET", "/dags/outcamp.win-back/dagRuns?run_type=manual")["total_entries"]
    frame.get_by_role("button", name="Trigger", exact=True).click()
    frame.get_by_role("dialog").get_by_text("also those who were contacted before").wait_for()
    browser.page.keyboard.press("Escape")
    frame.get_by_role("dialog").wait_for(state="hidden")
    assert runs == running.api("GET", "/dags/outcamp.win-back/dagRuns?run_type=manual")["total_entries"]
    frame.get_by_role("button", name="Trigger", exact=True).click()
    frame.get_by_role("dialog").get_by_role("button", name="Trigger").click()
    frame.get_by_role("status").get_by_text("is a new occurrence").wait_for()
    assert runs + 1 == running.api("GET", "/dags/outcamp.win-back/dagRuns?run_type=manual")["total_entries"]


def test_a_recipient_is_found(visit: Visit) -> None:
    """Somebody who may only read finds a person's story, and gets no button that changes anything."""
    browser = visit("vera")
    frame = browser.open("spring-renewal")
    assert 0 == frame.locator("header button").count()
    frame.get_by_label("recipient_id").fill("x0003")
    frame.get_by_role("button", name="Find").click()
    frame.locator("#story").get_by_text("Considered once, contacted never, never in the campaign.").wait_for()
    assert "x0003" not in browser.page.url
    frame.locator("#story tbody tr").last.scroll_into_view_if_needed()
    browser.shoot("recipient-light")


def test_the_keyboard_is_enough(visit: Visit) -> None:
    """Filter and sort without a mouse: what has the focus is told by its name."""
    browser = visit("vera")
    browser.page.goto(f"{browser.url}/outcamp/")
    browser.page.locator("input[type=search]").focus()
    browser.page.keyboard.type("win")
    browser.page.keyboard.press("Enter")
    browser.page.wait_for_url("**q=win**")
    assert ["win-back"] == browser.page.locator("tbody th a").all_inner_texts()
    browser.page.get_by_role("link", name="Sent", exact=True).focus()
    browser.page.keyboard.press("Enter")
    browser.page.wait_for_url("**sort=sent**")
    browser.page.get_by_role("columnheader", name="Sent").wait_for()
    assert "ascending" == browser.page.get_by_role("columnheader", name="Sent").get_attribute("aria-sort")


def test_stop_is_asked_for_and_final(running: Any, visit: Visit) -> None:
    """Stop says that it is final; afterwards the campaign is stopped, cannot be started again, and the audit log has the action."""
    browser = visit()
    frame = browser.open("win-back")
    frame.get_by_role("button", name="Stop", exact=True).click()
    frame.get_by_role("dialog").get_by_text("A stop is final").wait_for()
    browser.shoot("stop")
    frame.get_by_role("button", name="Stop for good").click()
    frame.locator(".badge.Stopped").wait_for()
    assert ["Delete"] == frame.locator("header button").all_inner_texts()
    rows = running.api("GET", "/eventLogs?dag_id=outcamp.win-back&event=outcamp.stop")["event_logs"]
    assert [("outcamp.stop", "admin")] == [(row["event"], row["owner"]) for row in rows]
