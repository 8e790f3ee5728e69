// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The operator's pages of 10,000 hosts with 200,000 VMs, in a real browser: how long until the first page shows
 * its rows, until the dialog shows all targets and what is predicted; the server's memory; and 200 clients that
 * follow the progress of a lock. Prints medians beside those of a page that shows nothing of the cluster.
 *
 * Environment: O (= build), LOCKKEEPER, OUT: where bench_check has left big-starlingx.json; ROWS.
 */
import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const O = process.env.O || "build", OUT = process.env.OUT || `${O}/bench`;
const BIG = join(OUT, "big-starlingx.json");
const FIRST_MOST_MS = 300, DIALOG_MOST_MS = 200, MEMORY_MOST_MIB = 1024, FOLLOWERS = 200, TELL_MOST_MS = 500;
const TRIES = 9;

const { Server, openBrowser, openPage, until } = await import("../web/serving.mjs");

function row(what, value, unit, target, beside, ratio) {
	const verdict = value <= target ? "reached" : "NOT reached";
	const figure = `${value.toPrecision(4)} ${unit}`, wanted = `<= ${target} ${unit}`;
	const times = (beside ? ratio : value / target).toPrecision(3);
	console.log(`${what}: ${figure} (target ${wanted}: ${verdict}), ${times} times ${beside || "the target"}`);
	if (process.env.ROWS)
		appendFileSync(process.env.ROWS, [what, figure, wanted, verdict, times, beside || "the target"].join("\t") + "\n");
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

// Of a process and all below it, MiB.
function memory(pid, what) {
	let sum = 0;
	for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
		try {
			const status = readFileSync(`/proc/${entry}/status`, "utf8");
			const parent = Number(/PPid:\s+(\d+)/.exec(status)[1]);
			if (Number(entry) === pid || (what === "tree" && parent === pid))
				sum += Number(new RegExp(`${what === "tree" ? "VmRSS" : "VmHWM"}:\\s+(\\d+)`).exec(status)[1]) / 1024;
		} catch {
			continue; // it has ended meanwhile
		}
	}
	return sum;
}

// Milliseconds from the navigation's beginning until that is there.
async function shown(browser, server, hash, selector) {
	const times = [];
	for (let i = 0; i < TRIES; i++) {
		const page = await openPage(browser, server);
		await page.addInitScript((wanted) => {
			const look = () => document.querySelector(wanted) ? window.shownAt = performance.now() : requestAnimationFrame(look);
			requestAnimationFrame(look);
		}, selector);
		await page.goto(`${server.url}/${hash}`);
		times.push(await page.waitForFunction(() => window.shownAt).then((handle) => handle.jsonValue()));
		await page.context().close();
	}
	return median(times);
}

async function dialogTime(page) {
	await page.getByRole("button", { name: /^More: / }).first().click();
	return page.evaluate(() => new Promise((resolve) => {
		const begun = performance.now();
		document.querySelector("[role=menu]:not(.hidden) [role=menuitem]").click();
		const look = () => document.querySelector("dialog [role=option][aria-posinset='2']") && document.querySelector("dialog .prediction dl, dialog .prediction .note")
			? resolve(performance.now() - begun) : requestAnimationFrame(look);
		look();
	}));
}

async function dialogs(browser, server) {
	const page = await openPage(browser, server), times = [];
	await page.at("#/instances");
	await page.waitForSelector("tbody tr[data-key]");
	for (let i = 0; i < TRIES; i++) {
		times.push(await dialogTime(page));
		await page.keyboard.press("Escape");
		await page.getByRole("button", { name: "Next" }).click();
		await page.waitForTimeout(150);
	}
	await page.context().close();
	return median(times);
}

// Each reads the stream; told[id] is when it heard of each event of a run.
async function follow(server, signal) {
	const told = new Map();
	const answer = await fetch(`${server.url}/api/events`, { signal });
	(async () => {
		let text = "";
		for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
			text += part;
			const events = text.split("\n\n");
			text = events.pop();
			for (const event of events) {
				if (event.includes("event: run"))
					told.set(/id: (\S+)/.exec(event)[1], performance.now());
			}
		}
	})().catch(() => {});
	return told;
}

async function followers(server) {
	const end = new AbortController(), slow = [];
	const all = await Promise.all(Array.from({ length: FOLLOWERS }, () => follow(server, end.signal)));
	const host = (await server.get("/api/hosts?plan=lockable&limit=3")).hosts[1].name;
	const run = await server.post("/api/lock", { host });
	const state = async () => (await server.get(`/api/run?id=${run.id}`)).state;
	await until(async () => await state() === "planned", "a plan", 60000);
	await server.post("/api/run/approve", { run: run.id });
	await until(async () => {
		const begun = performance.now();
		await (await fetch(`${server.url}/api/hosts?limit=50`)).arrayBuffer();
		slow.push(performance.now() - begun);
		return !["planned", "approving", "going"].includes(await state());
	}, "its end", 300000);
	const last = await state();
	await new Promise((resolve) => setTimeout(resolve, 500));
	end.abort();
	const ids = [...all[0].keys()];
	const spread = ids.map((id) => Math.max(...all.map((told) => told.get(id) ?? Infinity)) - Math.min(...all.map((told) => told.get(id) ?? Infinity)));
	console.log(`${FOLLOWERS} followers of the lock of ${host} (${last}): ${ids.length} events each, the last hears of one ${median(spread).toFixed(1)} ms after the first (at most ${Math.max(...spread).toFixed(1)} ms)`);
	if (last !== "done" || ids.length < 10 || all.some((told) => told.size !== ids.length))
		throw new Error("not all followers heard of everything");
	return { worst: Math.max(...spread), page: median(slow) };
}

if (!existsSync(BIG)) {
	console.log(`${BIG} is not there: run bench_check before`);
	process.exit(1);
}
const server = await new Server(BIG, { pace: 40 }).start(), browser = await openBrowser();
try {
	/* Right after its start the server works out all verdicts, on the cores that the browser wants as well. */
	const early = await shown(browser, server, "#/hosts", "tbody tr[data-key]");
	await until(async () => (await server.get("/api/cluster")).board_known === 10000, "the board", 120000);
	const nothing = await shown(browser, server, "#/what-if", "main h1");
	const first = await shown(browser, server, "#/hosts", "tbody tr[data-key]");
	const instances = await shown(browser, server, "#/instances", "tbody tr[data-key]");
	const dialog = await dialogs(browser, server);
	console.log(`first page while all verdicts are worked out on the browser's cores: ${early.toFixed(0)} ms, ${(early / first).toFixed(2)} times the one after that`);
	row("pages: first page, 10,000 hosts", first, "ms", FIRST_MOST_MS, "a page without the cluster", first / nothing);
	row("pages: instances, 200,000 VMs", instances, "ms", FIRST_MOST_MS, "a page without the cluster", instances / nothing);
	row("pages: dialog, all targets, predicted", dialog, "ms", DIALOG_MOST_MS);
	const { worst, page } = await followers(server);
	row(`pages: ${FOLLOWERS} followers, the last hears after the first`, worst, "ms", TELL_MOST_MS);
	row("pages: hosts meanwhile", page, "ms", FIRST_MOST_MS);
	row("pages: memory of the server, at the most", memory(server.child.pid, "peak"), "MiB", MEMORY_MOST_MIB);
	console.log(`server and what it runs, now: ${memory(server.child.pid, "tree").toFixed(0)} MiB`);
} finally {
	await browser.close();
	await server.close();
}
