// SPDX-License-Identifier: GPL-3.0-or-later
// A server of the operator's pages for tests, a browser to look at them, and tests that report as TAP.

import { spawn, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

export const PROGRAM = process.env.LOCKKEEPER || "build/lockkeeper";
export const OUT = process.env.OUT || "build/web-tests";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// ------------------------------------------------------------------ a server

export class Server {
	constructor(cluster, options = {}) {
		this.folder = mkdtempSync(join(tmpdir(), "lockkeeper-web."));
		this.cluster = cluster;
		this.options = options;
		this.said = "";
	}
	state(name = "") {
		return join(this.folder, "state", name);
	}
	async start() {
		const words = ["serve", this.cluster, "--state", this.state(), "--listen", this.port ? `127.0.0.1:${this.port}` : "127.0.0.1:0",
			"--pace", String(this.options.pace || 10), ...(this.options.words || [])];
		this.child = spawn(PROGRAM, words, { stdio: ["ignore", "inherit", "pipe"] });
		this.said = "";
		this.ended = new Promise((resolve) => this.child.on("exit", (code, signal) => resolve(code ?? signal)));
		await new Promise((resolve, reject) => {
			this.child.stderr.setEncoding("utf8");
			this.child.stderr.on("data", (text) => {
				this.said += text;
				const found = /(https?:\/\/\S+)\/ serves/.exec(this.said);
				if (found) {
					this.url = found[1];
					this.port = new URL(this.url).port;
					resolve();
				}
			});
			this.ended.then((code) => reject(new Error(`the server ended with ${code}: ${this.said}`)));
		});
		if (existsSync(this.state("token")))
			this.token = readFileSync(this.state("token"), "utf8").trim();
		return this;
	}
	async kill(signal = "SIGKILL") {
		this.child.kill(signal);
		return this.ended;
	}
	async close() {
		if (this.child.exitCode === null && this.child.signalCode === null)
			await this.kill("SIGTERM");
		rmSync(this.folder, { recursive: true, force: true, maxRetries: 20 });
	}
	async get(path) {
		const answer = await fetch(this.url + path);
		return answer.json();
	}
	async post(path, body) {
		const answer = await fetch(this.url + path, {
			method: "POST", body: JSON.stringify(body),
			headers: { "Content-Type": "application/json", Authorization: `Bearer ${this.token}` },
		});
		return { status: answer.status, ...await answer.json() };
	}
}

export function lockkeeper(...words) {
	return execFileSync(PROGRAM, words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

// ------------------------------------------------------------------ a browser

export async function openBrowser() {
	return chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

// A page of a person's own; token: signed in already. Whatever the page complains of is a failure.
export async function openPage(browser, server, { token = server.token, width = 1280, height = 900, scheme = "light" } = {}) {
	const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: "reduce", acceptDownloads: true });
	const page = await context.newPage();
	page.complaints = [];
	page.on("pageerror", (error) => page.complaints.push(error.message));
	page.on("console", (message) => {
		if (message.type() === "error" && !/Failed to load resource|net::ERR/.test(message.text()))
			page.complaints.push(message.text());
	});
	if (token)
		await page.addInitScript((text) => sessionStorage.setItem("lockkeeper-token", text), token);
	page.setDefaultTimeout(15000);
	page.at = async (hash) => {
		await page.goto(`${server.url}/${hash}`);
		await page.waitForSelector("main h1");
	};
	return page;
}

// What axe finds against WCAG 2.1 AA, in a line each.
export async function violations(page) {
	await page.evaluate(AXE);
	const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }));
	return found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).slice(0, 3).join(" | ")}`);
}

export async function picture(page, name, options = {}) {
	mkdirSync(OUT, { recursive: true });
	await page.screenshot({ path: join(OUT, `${name}.png`), ...options });
}

// ------------------------------------------------------------------ tests

const tests = [];

export function test(name, work) {
	tests.push({ name, work });
}

export function need(truth, ...what) {
	if (!truth)
		throw new Error(what.map((one) => typeof one === "string" ? one : JSON.stringify(one)).join(" ") || "it does not hold");
}

export function equal(got, wanted, what = "") {
	need(JSON.stringify(got) === JSON.stringify(wanted), `${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
}

export async function until(check, what, ms = 15000) {
	const end = Date.now() + ms;
	for (;;) {
		const value = await check();
		if (value)
			return value;
		need(Date.now() < end, `no ${what} within ${ms} ms`);
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

export async function runTests() {
	const chosen = tests.filter(({ name }) => process.argv.length < 3 || process.argv.slice(2).some((word) => name.includes(word)));
	let failed = 0, number = 0;
	console.log(`1..${chosen.length}`);
	for (const { name, work } of chosen) {
		number++;
		try {
			await work();
			console.log(`ok ${number} - ${name}`);
		} catch (error) {
			failed = 1;
			console.log(`not ok ${number} - ${name}`);
			console.log(String(error.stack || error).split("\n").slice(0, 14).map((line) => `# ${line}`).join("\n"));
		}
	}
	return failed;
}

export function writeCluster(folder, name, cluster) {
	const path = join(folder, name);
	writeFileSync(path, JSON.stringify(cluster));
	return path;
}
