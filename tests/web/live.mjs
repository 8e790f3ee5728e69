// SPDX-License-Identifier: GPL-3.0-or-later
// What an operator does in a browser on live hosts: node tests/web/live.mjs URL TOKEN STEP [NAME...]
// Each line that it prints is one thing that was seen; tests/lab/test_pages runs it. Exit code 0: all was.

import { openBrowser, openPage, picture, until, need } from "./serving.mjs";

const [, , url, token, step, ...names] = process.argv;
const browser = await openBrowser();
const page = await openPage(browser, { url, token });
const state = (word, ms) => page.locator("main .facts .badge", { hasText: word }).first().waitFor({ timeout: ms });
page.setDefaultTimeout(30000);

// A live migration, by the dialog.
async function begin(vm, host) {
	await page.at("#/instances");
	await page.getByRole("button", { name: `More: ${vm}` }).click();
	await page.getByRole("menuitem", { name: "Live Migrate Instance" }).click();
	const dialog = page.getByRole("dialog");
	await dialog.getByRole("option", { name: new RegExp(`^${host}\\b`) }).click();
	await dialog.getByText("Stands still for").waitFor();
	await dialog.getByRole("button", { name: "Live Migrate" }).click();
	await state("under way");
}

const steps = {
	async migrate(vm, host) {
		await begin(vm, host);
		console.log("under way");
		await state("done", 120000);
		need(/\d (ms|s) \(≈ /.test(await page.locator("tbody").innerText()), "observed beside predicted");
		await picture(page, "live-migrated", { fullPage: true });
		console.log("done");
	},
	async lock(host) {
		await page.at("#/hosts");
		await page.getByText("live hosts").waitFor();
		await page.getByRole("button", { name: `More: ${host}` }).click();
		await page.getByRole("menuitem", { name: "Lock", exact: true }).click();
		await page.getByRole("button", { name: "Make the plan" }).click();
		await page.getByRole("button", { name: "Approve and lock" }).click();
		await page.getByRole("button", { name: "Approve and begin" }).click();
		await state("under way");
		await page.locator("tbody .badge", { hasText: "done" }).first().waitFor({ timeout: 120000 });
		console.log("half");
		await state("done", 240000);
		await picture(page, "live-locked", { fullPage: true });
		console.log("done");
	},
	// Of a move that is under way.
	async cancel(vm, host) {
		await begin(vm, host);
		await page.getByRole("button", { name: "Cancel" }).click();
		await page.getByRole("button", { name: "Stop it" }).click();
		await state("stopped", 120000);
		await picture(page, "live-stopped", { fullPage: true });
		console.log("done");
	},
	// Somebody else has moved it.
	async find(vm, host) {
		await page.at("#/instances");
		await until(async () => (await page.locator(`tbody tr[data-key="${vm}"]`).innerText()).includes(host), `${vm} on ${host}`, 40000);
		console.log("done");
	},
	async hear(host) {
		await page.at("#/hosts");
		await page.locator("#site .badge.bad", { hasText: host }).waitFor({ timeout: 60000 });
		console.log("done");
	},
};

let code = 0;
try {
	await steps[step](...names);
} catch (error) {
	await picture(page, "live-failed").catch(() => {});
	console.log(String(error.stack || error));
	code = 1;
}
await browser.close();
process.exit(code);
