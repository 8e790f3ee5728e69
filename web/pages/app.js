// SPDX-License-Identifier: GPL-3.0-or-later
// The frame of the pages: which one is shown, who is signed in, what is heard of the server.

import * as api from "/api.js";
import { h, fill, say, dialog, badge, count, note } from "/parts.js";
import { hostsPage, hostPage } from "/hosts.js";
import { instancesPage } from "/instances.js";
import { groupsPage, groupPage } from "/groups.js";
import { runsPage, runPage } from "/runs.js";
import { whatIfPage } from "/what-if.js";

const pages = { hosts: hostsPage, host: hostPage, instances: instancesPage, groups: groupsPage, group: groupPage, runs: runsPage, run: runPage, "what-if": whatIfPage };
const app = { site: null, user: null, mayChange: false, page: null, ready: null };
let shown = 0;

// ------------------------------------------------------------------ light and dark

function theme() {
	const now = document.documentElement.dataset.theme;
	const dark = now ? now === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
	document.documentElement.dataset.theme = dark ? "light" : "dark";
	localStorage.setItem("lockkeeper-theme", document.documentElement.dataset.theme);
}

// ------------------------------------------------------------------ who it is

function showUser() {
	const button = document.getElementById("sign-in");
	button.textContent = app.mayChange ? "Sign out" : "Sign in";
	button.classList.toggle("hidden", Boolean(app.site?.read_only) || (app.mayChange && app.user !== "token"));
}

async function askSession() {
	try {
		const session = await api.session();
		app.user = session.user;
		app.mayChange = session.may_change;
	} catch (error) {
		if (error.status === 401)
			api.setToken("");
		app.user = null;
		app.mayChange = false;
	}
	showUser();
}

// Resolves to whether something may be changed now; asks for the token when it is needed.
export function signIn() {
	if (app.mayChange)
		return Promise.resolve(true);
	return new Promise((resolve) => {
		const input = h("input", { type: "password", id: "token", autocomplete: "off", required: true, size: 40 });
		dialog("Sign in", [
			h("p", {}, "To change something, the server wants its token. Where that is stands in what it said when it was started."),
			h("label", { for: "token" }, "Token"), input,
		], {
			label: "Sign in",
			action: async () => {
				api.setToken(input.value.trim());
				await askSession();
				if (!app.mayChange)
					throw new Error("That is not the token.");
				route();
			},
			closed: () => resolve(app.mayChange),
		});
	});
}

function signInOrOut() {
	if (!app.mayChange)
		return signIn();
	api.setToken("");
	return askSession().then(route);
}

// ------------------------------------------------------------------ the line below the bar

function showSite() {
	const site = app.site;
	if (!site)
		return;
	document.title = `lockkeeper: ${site.name}`;
	fill(document.getElementById("site"), h("div", { class: "site-line" },
		h("span", {}, h("strong", {}, site.name)),
		h("span", {}, badge(site.live ? "live hosts" : `simulated, ${site.pace} s a second`, site.live ? "warn" : "")),
		h("span", {}, `rules of ${site.profile}`),
		h("span", {}, count(site.hosts, "host")), h("span", {}, count(site.vms, "instance")),
		h("span", {}, site.board_known < site.hosts ? `verdicts of ${site.board_known.toLocaleString("en")} of ${count(site.hosts, "host")}` : "all verdicts known"),
		app.line === false && badge("no connection", "bad"),
		site.read_only && badge("read-only"),
		site.hosts_wrong && badge(site.hosts_wrong, "bad"),
		site.board_wrong && badge(site.board_wrong, "bad")));
}

async function askSite() {
	try {
		app.site = await api.get("/api/cluster");
		showSite();
	} catch (error) {
		if (!app.site)
			document.getElementById("main").replaceChildren(note("bad", error.message));
	}
}

// ------------------------------------------------------------------ which page

async function route() {
	const [, name = "hosts", ...rest] = (location.hash || "#/hosts").split("/");
	const page = pages[name] || hostsPage, mine = ++shown;
	const main = document.getElementById("main");
	if (page !== hostsPage)
		await app.ready;
	const nav = { host: "hosts", group: "groups", run: "runs" }[name] || name;
	app.page?.leave?.();
	app.page = null;
	for (const link of document.querySelectorAll(".bar nav a")) {
		if (link.getAttribute("href") === `#/${nav}`)
			link.setAttribute("aria-current", "page");
		else
			link.removeAttribute("aria-current");
	}
	try {
		const made = await page(app, rest.map(decodeURIComponent));
		if (mine !== shown)
			return made?.leave?.();
		app.page = made;
		main.replaceChildren(made.element);
		/* Whoever has just come begins at the top of the page. */
		if (mine > 1) {
			main.focus({ preventScroll: true });
			window.scrollTo(0, 0);
		}
	} catch (error) {
		if (mine === shown)
			main.replaceChildren(note("bad", error.message));
	}
}

// ------------------------------------------------------------------ what is heard

function often(work, ms) {
	let timer = 0, again = false;
	return function run() {
		if (timer) {
			again = true;
			return;
		}
		work();
		timer = setTimeout(() => {
			timer = 0;
			if (again) {
				again = false;
				run();
			}
		}, ms);
	};
}

const siteOften = often(askSite, 1000), pageOften = often(() => app.page?.refresh?.(), 1000);

function hear() {
	return api.listen({
		run: (run) => {
			app.page?.run?.(run);
			if (!run.changed)
				pageOften();
		},
		board: () => {
			siteOften();
			app.page?.board?.();
		},
		site: () => {
			siteOften();
			pageOften();
		},
		"what-if": (progress) => app.page?.whatIf?.(progress),
		lost: () => {
			askSite();
			app.page?.refresh?.();
		},
		line: (open) => {
			const back = open && app.line === false;
			app.line = open;
			showSite();
			if (back) {
				say("The server is there again.");
				askSession();
				askSite();
				app.page?.refresh?.();
			}
		},
	});
}

async function begin() {
	const kept = localStorage.getItem("lockkeeper-theme");
	if (kept)
		document.documentElement.dataset.theme = kept;
	document.getElementById("theme").addEventListener("click", theme);
	document.getElementById("sign-in").addEventListener("click", signInOrOut);
	document.querySelector(".skip").addEventListener("click", (event) => {
		event.preventDefault();
		document.getElementById("main").focus();
	});
	window.addEventListener("hashchange", route);
	/* The first page asks for its rows meanwhile, and once more for what was told before we listened. */
	const listening = hear();
	app.ready = Promise.all([askSite(), askSession()]).then(showUser);
	route();
	await Promise.all([app.ready, listening]);
	setTimeout(pageOften, 500);
}

begin();
