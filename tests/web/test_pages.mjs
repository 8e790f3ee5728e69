// SPDX-License-Identifier: GPL-3.0-or-later
// The operator's pages in a real browser: every flow, refusals included. Prints TAP.
// Environment: LOCKKEEPER, OUT (pictures), CHROMIUM.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, openBrowser, openPage, violations, picture, test, need, equal, until, runTests, lockkeeper } from "./serving.mjs";

const LAB = "scenarios/clusters/lab.json", AFFINITY = "scenarios/clusters/affinity.json";
const browser = await openBrowser();

// A test with a server of its own and a page, after which the page must have complained of nothing.
function paged(name, cluster, work, options = {}) {
	test(name, async () => {
		const server = await new Server(cluster, options).start();
		const page = await openPage(browser, server, options);
		try {
			await work(page, server);
			equal(page.complaints, [], "the page complains");
		} catch (error) {
			await picture(page, "failed").catch(() => {});
			throw error;
		} finally {
			await page.context().close();
			await server.close();
		}
	});
}

// The process that carries out what that journal is of; null: there is none.
function findDriver(journal) {
	for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
		try {
			const words = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
			if (words.includes(journal) && words.includes("execute"))
				return Number(entry);
		} catch {
			continue; // it has ended meanwhile
		}
	}
	return null;
}

const row = (page, name) => page.locator(`tbody tr[data-key="${name}"]`);
const more = (page, name) => page.getByRole("button", { name: `More: ${name}` });

async function choose(page, name, item) {
	await more(page, name).click();
	await page.getByRole("menuitem", { name: item, exact: true }).click();
}

async function startLock(page, host) {
	await page.at("#/hosts");
	await choose(page, host, "Lock");
	await page.getByRole("button", { name: "Make the plan" }).click();
	await page.waitForURL(/#\/run\//);
}

async function approve(page) {
	await page.getByRole("button", { name: "Approve and lock" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Approve and begin" }).click();
}

const state = (page, word) => page.locator("main .facts .badge", { hasText: word }).first().waitFor();

// ------------------------------------------------------------------ looking

paged("the lock board says of each host whether it can be locked, and is sorted, searched and filtered", LAB, async (page) => {
	await page.at("#/hosts");
	await row(page, "compute-0").getByText("always").waitFor();
	equal(await page.locator("tbody tr").count(), 4, "hosts");
	await picture(page, "hosts");
	need(/\d+ moves/.test(await row(page, "compute-0").innerText()), "its plan");
	need(/\d s/.test(await row(page, "compute-0").innerText()), "its time");
	await page.getByRole("button", { name: "Host", exact: false }).first().click();
	await until(async () => (await page.locator("tbody tr").first().getAttribute("data-key")) === "compute-3", "other order");
	equal(await page.locator("th[aria-sort]").getAttribute("aria-sort"), "descending", "aria-sort");
	await page.getByLabel("Search").fill("compute-2");
	await until(async () => await page.locator("tbody tr").count() === 1, "search");
	await page.getByLabel("Search").fill("");
	await page.getByLabel("State").selectOption("locked");
	await page.getByText("No host is like that.").waitFor();
	await picture(page, "hosts-none");
}, { token: "" });

paged("one host: verdicts, why not, and what would help", AFFINITY, async (page) => {
	await page.at("#/hosts");
	await row(page, "compute-0").getByText("no plan").waitFor();
	need((await row(page, "compute-0").innerText()).includes("affinity"), "why not");
	await row(page, "compute-0").getByText("Would help: group pair set to best effort").waitFor();
	await row(page, "compute-0").getByRole("link", { name: "compute-0", exact: true }).click();
	await page.getByText("Any of these would help").waitFor();
	await page.getByText("In the way").waitFor();
	equal(await violations(page), [], "axe");
	await picture(page, "host-not-lockable", { fullPage: true });
}, { token: "" });

paged("server groups say where they hold and where not", AFFINITY, async (page) => {
	await page.at("#/groups");
	await page.locator("tbody").getByText("violated").first().waitFor();
	await page.getByRole("link", { name: "split" }).click();
	await page.getByText("not as it should be").first().waitFor();
	equal(await violations(page), [], "axe");
}, { token: "" });

// ------------------------------------------------------------------ who may

paged("without a token nothing changes, a wrong one is refused, the right one is taken", LAB, async (page, server) => {
	await page.at("#/hosts");
	await choose(page, "compute-1", "Lock");
	await page.getByRole("button", { name: "Make the plan" }).click();
	const dialog = page.getByRole("dialog", { name: "Sign in" });
	await dialog.getByLabel("Token").fill("wrong-wrong-wrong-wrong");
	await dialog.getByRole("button", { name: "Sign in" }).click();
	await dialog.getByText("That is not the token.").waitFor();
	equal((await server.get("/api/runs")).total, 0, "nothing was begun");
	equal(await violations(page), [], "axe");
	await dialog.getByLabel("Token").fill(server.token);
	await dialog.getByRole("button", { name: "Sign in" }).click();
	await page.getByRole("button", { name: "Approve and lock" }).waitFor();
	await page.getByRole("button", { name: "Sign out" }).click();
	await page.getByRole("button", { name: "Sign in" }).waitFor();
}, { token: "" });

paged("a server that only shows has nothing to press", LAB, async (page, server) => {
	await page.at("#/hosts");
	await row(page, "compute-0").getByText("always").waitFor();
	equal(await page.getByRole("button", { name: /^More/ }).count(), 0, "menus");
	equal((await server.post("/api/lock", { host: "compute-0" })).status, 401, "and refuses");
}, { words: ["--read-only"], token: "" });

// ------------------------------------------------------------------ live migration

paged("Live Migrate Instance: current host, auto scheduling, greyed hosts with the reason, prediction, progress, observed", LAB, async (page, server) => {
	await page.at("#/instances");
	await page.getByLabel("Search").fill("web");
	await until(async () => await page.locator("tbody tr").count() === 3, "search");
	await choose(page, "web-0", "Live Migrate Instance");
	const dialog = page.getByRole("dialog", { name: "Live Migrate Instance" });
	equal(await dialog.getByLabel("Current Host").inputValue(), "compute-0", "current host");
	equal(await dialog.getByLabel("Current Host").evaluate((element) => element.readOnly), true, "read-only");
	await dialog.getByRole("option", { name: /Auto schedule host.*would take compute-3/s }).waitFor();
	const forbidden = dialog.getByRole("option", { name: /compute-1/ });
	equal(await forbidden.getAttribute("aria-disabled"), "true", "greyed");
	need((await forbidden.innerText()).includes("anti-affinity group web"), "the reason");
	await dialog.getByText("Stands still for").waitFor();
	equal(await violations(page), [], "axe");
	await picture(page, "live-migrate");
	await forbidden.click({ force: true });
	await dialog.locator(".prediction .note.bad").waitFor();
	equal(await dialog.getByRole("button", { name: "Live Migrate" }).getAttribute("aria-disabled"), "true", "no going there");
	// By keys alone: to the first, then one down.
	await dialog.getByRole("listbox").focus();
	await page.keyboard.press("Home");
	await page.keyboard.press("ArrowDown");
	await dialog.getByRole("option", { selected: true, name: /compute-3/ }).waitFor();
	await dialog.getByText("Stands still for").waitFor();
	await dialog.getByRole("button", { name: "Live Migrate" }).click();
	await state(page, "under way");
	await state(page, "done");
	need(/\d ms \(≈ \d+ ms\)/.test(await page.locator("tbody").innerText()), "observed beside predicted", await page.locator("tbody").innerText());
	equal((await server.get("/api/instances?search=web-0")).instances[0].host, "compute-3", "where it is");
}, { pace: 5 });

paged("a dialog that is cancelled changes nothing; by keys", LAB, async (page, server) => {
	await page.at("#/instances");
	await more(page, "db-0").focus();
	await page.keyboard.press("ArrowDown");
	await page.keyboard.press("Enter");
	await page.getByRole("dialog").waitFor();
	await page.keyboard.press("Escape");
	await page.getByRole("dialog").waitFor({ state: "detached" });
	equal((await server.get("/api/runs")).total, 0, "runs");
});

paged("an instance that nothing can take says so", AFFINITY, async (page) => {
	await page.at("#/instances");
	await choose(page, "pair-a", "Live Migrate Instance");
	const dialog = page.getByRole("dialog");
	await dialog.getByText("No valid host was found").first().waitFor();
	equal(await dialog.getByRole("button", { name: "Live Migrate" }).getAttribute("aria-disabled"), "true", "nothing to press");
	await picture(page, "no-valid-host");
});

// ------------------------------------------------------------------ locks

paged("Lock: the plan, approval, progress as it happens, done; then Unlock", LAB, async (page, server) => {
	await startLock(page, "compute-0");
	await page.getByRole("heading", { name: "Steps" }).waitFor();
	equal(await page.locator("tbody tr").count(), 4, "steps");
	await page.getByRole("img", { name: /Timeline of 4 moves/ }).waitFor();
	equal(await violations(page), [], "axe");
	await picture(page, "plan", { fullPage: true });
	await approve(page);
	await state(page, "under way");
	const bar = page.getByRole("progressbar", { name: "Progress of the plan" });
	const first = await bar.evaluate((element) => element.value);
	await until(async () => await bar.evaluate((element) => element.value) > first, "progress");
	await page.getByText("copying").first().waitFor();
	equal(await violations(page), [], "axe while it goes");
	await picture(page, "under-way", { fullPage: true });
	await state(page, "done");
	await page.getByRole("button", { name: "Show the journal" }).click();
	await page.getByText("begin => stock").waitFor();
	await picture(page, "done", { fullPage: true });
	await page.at("#/hosts");
	await row(page, "compute-0").getByText("locked", { exact: false }).first().waitFor();
	equal((await server.get("/api/instances?host=compute-0")).total, 0, "nobody is left");
	await choose(page, "compute-0", "Unlock");
	await page.getByRole("dialog").getByRole("button", { name: "Unlock" }).click();
	await state(page, "done");
	equal((await server.get("/api/hosts?search=compute-0")).hosts[0].administrative, "unlocked", "unlocked");
}, { pace: 4 });

paged("a lock that cannot be is refused with the reason and what would help", AFFINITY, async (page) => {
	await startLock(page, "compute-0");
	await state(page, "no plan");
	await page.getByText("Any of these would help").waitFor();
	equal(await page.getByRole("button", { name: "Approve and lock" }).count(), 0, "nothing to approve");
	await picture(page, "refused", { fullPage: true });
});

paged("cancel: before approval, in the middle, and going on from there", LAB, async (page, server) => {
	await startLock(page, "compute-0");
	await page.getByRole("button", { name: "Approve and lock" }).waitFor();
	await page.getByRole("button", { name: "Cancel" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Cancel it" }).click();
	await state(page, "cancelled");
	await page.getByRole("button", { name: "Plan again" }).click();
	await page.getByRole("button", { name: "Approve and lock" }).waitFor();
	await approve(page);
	await page.locator("tbody .badge", { hasText: "done" }).first().waitFor();
	await page.getByRole("button", { name: "Cancel" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Stop it" }).click();
	await state(page, "stopped");
	const moved = (await server.get("/api/instances?host=compute-0")).total;
	need(moved > 0 && moved < 4, "some have moved, some have not", moved);
	equal((await server.get("/api/hosts?search=compute-0")).hosts[0].administrative, "unlocked", "not locked");
	await page.getByRole("button", { name: "Resume" }).click();
	await state(page, "done");
	equal((await server.get("/api/hosts?search=compute-0")).hosts[0].administrative, "locked", "locked");
}, { pace: 8 });

paged("force-lock stands behind a clear warning", LAB, async (page, server) => {
	await page.at("#/hosts");
	await choose(page, "compute-0", "Force-lock…");
	const dialog = page.getByRole("dialog");
	await dialog.getByText("4 instances will go down at once.").waitFor();
	const yes = dialog.getByRole("button", { name: "Force-lock" });
	equal(await yes.getAttribute("aria-disabled"), "true", "not yet");
	equal(await violations(page), [], "axe");
	await picture(page, "force-lock");
	await dialog.getByLabel(/type the host's name/).fill("compute-1");
	equal(await yes.getAttribute("aria-disabled"), "true", "another name");
	await dialog.getByLabel(/type the host's name/).fill("compute-0");
	await yes.click();
	await state(page, "done");
	equal((await server.get("/api/hosts?search=compute-0")).hosts[0].administrative, "locked", "locked");
	equal((await server.get("/api/instances?host=compute-0")).total, 0, "they are built anew elsewhere");
});

paged("a plan of a cluster that has changed since is stale, and planned again", LAB, async (page, server) => {
	await startLock(page, "compute-0");
	await page.getByRole("button", { name: "Approve and lock" }).waitFor();
	const other = await server.post("/api/migrate", { vm: "web-0", to: null });
	await until(async () => (await server.get(`/api/run?id=${other.id}`)).state === "done", "the migration");
	await approve(page);
	await state(page, "stale");
	await page.getByRole("button", { name: "Plan again" }).click();
	await page.getByRole("button", { name: "Approve and lock" }).waitFor();
	equal(await page.locator("tbody tr").count(), 3, "one has gone already");
}, { pace: 50 });

test("two people have to approve: the server signs once, the other hands in what they signed", async () => {
	const folder = mkdtempSync(join(tmpdir(), "lockkeeper-keys."));
	const keys = ["server", "alice"].map((name) => {
		execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(folder, name)]);
		return `${name} ${readFileSync(join(folder, `${name}.pub`), "utf8")}`;
	});
	writeFileSync(join(folder, "signers"), keys.join(""));
	const server = await new Server(LAB, { pace: 100, words: ["--approvals", "2", "--key", join(folder, "server"), "--signers", join(folder, "signers")] }).start();
	const page = await openPage(browser, server);
	try {
		await startLock(page, "compute-0");
		await page.getByRole("button", { name: "Approve and lock" }).or(page.getByRole("button", { name: "Approve", exact: true })).click();
		await page.getByRole("dialog").getByRole("button", { name: "Approve and begin" }).click();
		await page.getByText("1 of 2 approvals").waitFor();
		equal(await page.getByRole("button", { name: "Approve", exact: true }).count(), 0, "once is enough");
		const id = page.url().split("/").pop();
		equal((await server.post("/api/run/approve", { run: id })).status, 409, "nor by the API");
		for (const name of ["plan.json", "cluster.json"])
			writeFileSync(join(folder, name), await (await fetch(`${server.url}/api/run/file?id=${id}&name=${name}`)).text());
		const approval = lockkeeper("approve", join(folder, "plan.json"), "--cluster", join(folder, "cluster.json"), "--key", join(folder, "alice"));
		await page.getByRole("button", { name: "Approval made elsewhere…" }).click();
		await page.getByRole("dialog").getByLabel("What it printed").fill("nonsense");
		await page.getByRole("dialog").getByRole("button", { name: "Hand it in" }).click();
		await page.getByText("That is no approval").waitFor();
		await page.getByRole("dialog").getByLabel("What it printed").fill(approval);
		await page.getByRole("dialog").getByRole("button", { name: "Hand it in" }).click();
		await state(page, "done");
		equal(page.complaints, [], "the page complains");
	} finally {
		await page.context().close();
		await server.close();
		rmSync(folder, { recursive: true });
	}
});

// ------------------------------------------------------------------ others, crashes

paged("two browsers at once: one follows what the other does, and cannot get in its way", LAB, async (page, server) => {
	const second = await openPage(browser, server);
	await startLock(page, "compute-0");
	await page.getByRole("button", { name: "Approve and lock" }).waitFor();
	await second.at("#/runs");
	await second.getByRole("link", { name: "Lock of compute-0" }).click();
	await second.getByRole("button", { name: "Approve and lock" }).waitFor();
	await approve(page);
	await state(second, "under way");
	await second.getByText("copying").first().waitFor();
	const busy = await server.post("/api/migrate", { vm: "cache", to: null });
	equal(busy.status, 409, "busy");
	need(busy.error.includes("is under way"), busy.error);
	await second.getByRole("button", { name: "Cancel" }).click();
	await second.getByRole("dialog").getByRole("button", { name: "Stop it" }).click();
	await state(page, "stopped");
	await state(second, "stopped");
	equal(second.complaints, [], "the second page complains");
	await second.context().close();
}, { pace: 3 });

paged("the server is killed in the middle of a plan and comes back: the plan goes on, and so does the page", LAB, async (page, server) => {
	await startLock(page, "compute-0");
	await approve(page);
	await page.locator("tbody .badge", { hasText: "done" }).first().waitFor();
	await server.kill();
	await page.getByText("no connection").waitFor();
	await new Promise((resolve) => setTimeout(resolve, 800));
	await server.start();
	await page.getByText("no connection").waitFor({ state: "detached", timeout: 30000 });
	await state(page, "done");
	equal((await server.get("/api/hosts?search=compute-0")).hosts[0].administrative, "locked", "locked");
	equal((await server.get("/api/instances?host=compute-0")).total, 0, "nobody is left");
}, { pace: 3 });

paged("server and execution are killed: it is interrupted, and goes on when it is told to", LAB, async (page, server) => {
	await startLock(page, "compute-0");
	await approve(page);
	await page.locator("tbody .badge", { hasText: "done" }).first().waitFor();
	await server.kill();
	const journal = join(server.state("runs"), page.url().split("/").pop(), "run.journal");
	process.kill(await until(() => findDriver(journal), "driver"), "SIGKILL");
	await server.start();
	await state(page, "interrupted");
	await page.getByRole("button", { name: "Resume" }).click();
	await state(page, "done");
	equal((await server.get("/api/hosts?search=compute-0")).hosts[0].administrative, "locked", "locked");
}, { pace: 3 });

// ------------------------------------------------------------------ what-if

paged("what-if: the board as it would be, beside now, saved as a scenario that the command line runs", AFFINITY, async (page, server) => {
	await page.at("#/what-if");
	await page.getByRole("button", { name: "Add the change" }).click();
	await page.getByText("Name what is to be changed").waitFor();
	await page.getByLabel("Of", { exact: true }).selectOption("group");
	await page.getByLabel("Name or pattern").fill("*");
	await page.getByLabel("What", { exact: true }).selectOption("best_effort");
	await page.getByLabel("Value").selectOption("true");
	await page.getByRole("button", { name: "Add the change" }).click();
	await page.getByRole("button", { name: "Show the board" }).click();
	await row(page, "compute-0").getByText("now:").waitFor();
	need((await row(page, "compute-0").innerText()).includes("no plan"), "now", await row(page, "compute-0").innerText());
	equal(await violations(page), [], "axe");
	await picture(page, "what-if", { fullPage: true });
	const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Save, locks compute-0" }).click()]);
	const file = join(server.folder, "what-if.json");
	await download.saveAs(file);
	const simulated = JSON.parse(lockkeeper("simulate", file, "--output", "json"));
	equal(simulated.actions[0].verdict, "locked", "the scenario");
	equal((await server.get("/api/hosts?search=compute-0")).hosts[0].verdict.plan, "not-lockable", "nothing has changed");
});

// ------------------------------------------------------------------ for everybody

for (const scheme of ["light", "dark"]) {
	test(`every page at 360 px, ${scheme}: nothing is cut off, axe finds nothing`, async () => {
		const server = await new Server(LAB, { pace: 1000 }).start();
		const page = await openPage(browser, server, { width: 360, height: 740, scheme });
		try {
			const run = await server.post("/api/lock", { host: "compute-0" });
			await until(async () => (await server.get(`/api/run?id=${run.id}`)).state === "planned", "the plan");
			for (const hash of ["#/hosts", "#/host/compute-0", "#/instances", "#/groups", "#/group/web", "#/runs", `#/run/${run.id}`, "#/what-if"]) {
				await page.at(hash);
				await page.waitForTimeout(400);
				equal(await violations(page), [], `axe, ${hash}`);
				equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, `width of ${hash}`);
				await picture(page, `narrow-${scheme}-${hash.split("/")[1]}`);
			}
			equal(page.complaints, [], "the page complains");
		} finally {
			await page.context().close();
			await server.close();
		}
	});
}

paged("by keys alone: to the content, through the menu, with a visible focus", LAB, async (page) => {
	await page.at("#/hosts");
	await row(page, "compute-0").waitFor();
	await page.keyboard.press("Tab");
	equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content", "first");
	await page.keyboard.press("Enter");
	equal(await page.evaluate(() => document.activeElement.id), "main", "skipped to");
	await more(page, "compute-0").focus();
	await page.keyboard.press("Enter");
	await page.getByRole("menuitem", { name: "Lock", exact: true }).waitFor();
	await page.keyboard.press("ArrowDown");
	equal(await page.evaluate(() => document.activeElement.textContent), "Force-lock…", "second item");
	await page.keyboard.press("Escape");
	equal(await page.evaluate(() => document.activeElement.getAttribute("aria-haspopup")), "menu", "back on the button");
});

paged("light and dark are remembered", LAB, async (page) => {
	await page.at("#/hosts");
	await page.getByRole("button", { name: "Light or dark" }).click();
	equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark", "dark");
	await page.reload();
	await page.waitForSelector("main h1");
	equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark", "still dark");
});

const failed = await runTests();
await browser.close();
process.exit(failed);
