"""The pages of administrators, as people see and use them."""

from playwright.sync_api import expect


def test_an_administrator_finds_an_account_changes_its_quotas_and_disables_it(window, administrator, person):
    page = window.page
    window.is_signed_in(administrator.token)
    window.opens("/")
    page.get_by_role("button", name="Account of").click()
    page.get_by_role("menuitem", name="Administration").click()
    search = page.get_by_role("searchbox", name="Search accounts")
    search.fill("nobody-has-this-address")
    expect(page.get_by_text("No account matches.")).to_be_visible()
    search.fill(person.email[:18])
    # The keyboard is sufficient.
    found = page.get_by_role("link", name=person.email)
    expect(found).to_be_visible()
    window.shows("admin-accounts")
    found.focus()
    page.keyboard.press("Enter")

    field = page.get_by_role("textbox", name="Conversions a day")
    field.fill("many")
    expect(page.get_by_text("Enter a number, or nothing for the default.")).to_be_visible()
    window.shows("admin-quotas-invalid")
    field.fill("0")
    page.get_by_role("textbox", name="Stored (GB)").fill("2.5")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Stored: default → 2.5 GB")).to_be_visible()
    expect(page.get_by_text("0 bytes of 2.5 GB")).to_be_visible()

    page.get_by_role("button", name="Disable the account").click()
    dialog = page.get_by_role("dialog", name="Disable the account?")
    expect(dialog).to_contain_text(person.email)
    window.shows("admin-disable")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Disable the account").click()
    dialog.get_by_role("button", name="Disable the account").click()
    expect(page.get_by_role("button", name="Enable the account")).to_be_visible()
    window.shows("admin-account")
    page.get_by_role("button", name="Enable the account").click()
    expect(page.get_by_role("button", name="Disable the account")).to_be_visible()

    page.get_by_role("link", name="Status").click()
    expect(page.get_by_role("row", name="video")).to_be_visible()
    window.shows("admin-status")
    page.get_by_role("link", name="Audit log").click()
    expect(page.get_by_text(f"Enabled {person.email}").first).to_be_visible()
    window.shows("admin-audit")


def test_other_users_do_not_see_the_pages_of_administrators(owner):
    owner.page.get_by_role("button", name="Account of").click()
    expect(owner.page.get_by_role("menuitem", name="Account")).to_be_visible()
    expect(owner.page.get_by_role("menuitem", name="Administration")).to_be_hidden()
    owner.opens("/app/admin")
    expect(owner.page.get_by_role("heading", name="not found")).to_be_visible()
