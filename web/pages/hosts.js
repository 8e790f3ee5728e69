// SPDX-License-Identifier: GPL-3.0-or-later
// The lock board, and one host: can it be locked, how long does it take, why not, what would help.

import * as api from "/api.js";
import { h, fill, badge, meter, menu, dialog, listing, choice, head, facts, note, seconds, milliseconds, bytes, range, count } from "/parts.js";
import { timeline } from "/charts.js";
import { signIn } from "/app.js";

export function lockBadge(word) {
	return badge(word, { always: "good", "order-dependent": "warn", never: "bad", unknown: "warn" }[word]);
}

export function planBadge(verdict) {
	if (verdict.plan === "lockable")
		return badge(verdict.moves ? count(verdict.moves, "move") : "nothing to move", "good");
	return badge(verdict.plan === "unknown" ? "not decided" : "no plan", verdict.plan === "unknown" ? "warn" : "bad");
}

export function hostBadge(host) {
	const locked = host.administrative === "locked";
	const fine = ["available", "online", "degraded"].includes(host.availability);
	return [badge(host.administrative, locked ? "warn" : "good"), " ",
		h("span", { class: fine ? "soft" : "" }, `${host.operational}, ${host.availability}`)];
}

async function start(path, body) {
	if (!await signIn())
		return;
	const run = await api.post(path, body);
	location.hash = `#/run/${run.id}`;
}

function lock(name) {
	dialog(`Lock ${name}`, [
		h("p", {}, "All instances that can move will be live-migrated to other hosts."),
		h("p", {}, "First the plan is made and simulated. Nothing moves before you have approved it."),
	], { label: "Make the plan", action: () => start("/api/lock", { host: name }) });
}

function forceLock(app, host) {
	const input = h("input", { type: "text", id: "force-name", autocomplete: "off" });
	const parts = dialog(`Force-lock ${host.name}`, [
		note("bad", h("strong", {}, `${count(host.vms, "instance")} will go down at once.`),
			" Nothing is migrated: the host resets, what runs on it fails, and is built anew on other hosts where its rules allow that. Memory that was not saved is lost."),
		app.site.live && note("warn", "On live hosts lockkeeper marks the host as locked and resets nothing: its instances go down when you take it out of service."),
		h("label", { for: "force-name" }, `To confirm, type the host's name: ${host.name}`), input,
	], {
		label: "Force-lock", kind: "danger",
		action: () => {
			if (input.value !== host.name)
				throw new Error(`Type ${host.name} to confirm.`);
			return start("/api/force-lock", { host: host.name });
		},
	});
	input.addEventListener("input", () => parts.yes.setAttribute("aria-disabled", input.value !== host.name));
	parts.yes.setAttribute("aria-disabled", "true");
}

function unlock(name) {
	dialog(`Unlock ${name}`, h("p", {}, "It takes instances again. None moves back by itself."),
		{ label: "Unlock", action: () => start("/api/unlock", { host: name }) });
}

export function hostActions(app, host) {
	if (app.site.read_only)
		return null;
	if (host.administrative === "locked")
		return menu("More", host.name, [["Unlock", () => unlock(host.name)]]);
	return menu("More", host.name, [["Lock", () => lock(host.name)], ["Force-lock…", () => forceLock(app, host)]]);
}

export const verdictColumns = [
	{ name: "lock", label: "Platform's lock", cell: (host) => host.verdict ? lockBadge(host.verdict.lock) : h("span", { class: "soft" }, "being looked at…") },
	{ name: "plan", label: "Plan", cell: (host) => host.verdict ? planBadge(host.verdict) : "" },
	{ name: "duration_s", label: "Time to lock", number: true, cell: (host) => host.verdict ? seconds(host.verdict.duration_s) : "" },
	{ name: "downtime_ms", label: "Worst downtime", number: true, cell: (host) => host.verdict ? milliseconds(host.verdict.downtime_ms) : "" },
];

// And the smallest change that would help.
export function whyNot(verdict) {
	if (!verdict?.why)
		return "";
	return [verdict.why, verdict.help && h("div", { class: "soft" }, "Would help: ", verdict.help)];
}

function columns(app) {
	return [
		{ name: "name", label: "Host", cell: (host) => [h("a", { class: "name", href: `#/host/${encodeURIComponent(host.name)}` }, host.name), host.run && [" ", h("a", { href: `#/run/${host.run.id}` }, host.run.state)]] },
		{ name: "administrative", label: "State", cell: (host) => h("span", {}, hostBadge(host)) },
		{ name: "vms", label: "Instances", number: true, cell: (host) => h("a", { href: `#/instances/${encodeURIComponent(host.name)}` }, host.vms, h("span", { class: "visually-hidden" }, ` instances on ${host.name}`)) },
		{ name: "load", label: "Load", cell: (host) => meter(host.load, `${Math.round(host.load * 100)} %`) },
		...verdictColumns,
		{ label: "Why not", wide: true, class: "why", cell: (host) => whyNot(host.verdict) },
		{ label: "Actions", cell: (host) => hostActions(app, host) },
	];
}

export async function hostsPage(app) {
	const list = listing({
		caption: "Hosts: the lock board", list: "hosts", search: "name, zone, reason", columns: columns(app), start: { sort: "name" },
		filters: [
			choice("State", "administrative", [["", "all"], ["unlocked", "unlocked"], ["locked", "locked"]]),
			choice("Platform's lock", "lock", [["", "all"], ["always", "always"], ["order-dependent", "order-dependent"], ["never", "never"], ["unknown", "unknown"]]),
			choice("Plan", "plan", [["", "all"], ["lockable", "lockable"], ["not-lockable", "no plan"], ["unknown", "not decided"]]),
		],
		load: (members, signal) => api.get("/api/hosts", members, signal),
		empty: "No host is like that.", ready: app.ready,
	});
	const element = h("div", {}, head("Hosts"),
		h("p", { class: "soft" }, "Platform's lock: what the platform does by itself, whatever order it takes the instances in. Plan: whether any safe sequence of moves empties the host, with room made by others where needed."),
		list.element);
	return { element, refresh: list.refresh, board: list.refresh };
}

// ------------------------------------------------------------------ one host

function names(all) {
	return all.length ? all.join(", ") : "–";
}

const LOCK_WORDS = {
	always: "It succeeds, whatever order it takes the instances in.",
	"order-dependent": "It succeeds in some orders and fails in others; the platform does not say which one it takes.",
	never: "It is refused, or fails in any order.",
	unknown: "It was not decided within the limit.",
};

function stockPanel(stock) {
	return h("section", { class: "panel" }, h("h2", {}, "The platform's own lock"),
		h("p", {}, lockBadge(stock.verdict), " ", LOCK_WORDS[stock.verdict]),
		stock.message && note("bad", stock.message),
		stock.blocking.length > 0 && [h("h3", {}, "In the way"),
			h("ul", { class: "plain" }, stock.blocking.slice(0, 30).map((one) => h("li", {}, h("strong", {}, one.vm), ` (${one.rule}): ${one.why}`))),
			stock.blocking.length > 30 && h("p", { class: "soft" }, `and ${stock.blocking.length - 30} more`)],
		stock.verdict === "order-dependent" && facts([["An order that works", names(stock.good_order)], ["An order that fails", names(stock.bad_order)]]));
}

function plannedPanel(planned) {
	const explanation = planned.certificate?.explanation;
	return h("section", { class: "panel" }, h("h2", {}, "By a plan"),
		h("p", {}, planBadge({ plan: planned.verdict, moves: planned.moves }), " ", planned.verdict === "lockable" ? "A safe sequence of moves empties it; an independent program can prove it." : ""),
		explanation && note("bad", explanation.text),
		explanation?.changes?.length > 0 && [h("h3", {}, "Any of these would help"),
			h("ul", {}, explanation.changes.map((text) => h("li", {}, text)))],
		planned.verdict === "unknown" && h("p", {}, "It was not decided within the limit."));
}

function predictedPanel(app, predicted, of) {
	return h("section", { class: "panel" }, h("h2", {}, "Predicted"),
		predicted ? facts([
			["Time to lock", range(predicted.duration_s, seconds)],
			["Worst downtime", range(predicted.worst_downtime_ms, milliseconds)],
			["Sent", bytes(predicted.bytes)],
			[`Within ${seconds(app.site.window_s)}`, `${Math.round(predicted.probability_in_window * 100)} %`],
		]) : h("p", { class: "soft" }, "Nothing can be predicted: no order and no plan empties it."),
		predicted && h("p", { class: "soft" }, of));
}

export async function hostPage(app, [name]) {
	const body = h("div", {}, h("p", { class: "wait" }, "Being looked at: verdicts, plan and predictions…"));
	const title = h("div");
	const element = h("div", {}, title, body);
	let gone = false;

	async function showHost() {
		const answer = await api.get("/api/hosts", { search: name, limit: 500 });
		const host = answer.hosts.find((one) => one.name === name);
		if (!host)
			throw new Error(`There is no host ${name}.`);
		fill(title, head(host.name, h("a", { class: "button", href: `#/instances/${encodeURIComponent(name)}` }, count(host.vms, "instance")), hostActions(app, host)),
			h("p", {}, hostBadge(host), host.run && [" ", h("a", { href: `#/run/${host.run.id}` }, `a lock is ${host.run.state}`)]));
	}
	async function refresh() {
		await showHost();
		const { hosts: [checked] } = await api.get("/api/check", { host: name });
		if (gone)
			return;
		const works = checked.stock.verdict === "always" || checked.stock.good_order.length > 0;
		const moves = checked.planned.plan?.moves || [];
		fill(body,
			h("div", { class: "columns" }, stockPanel(checked.stock), plannedPanel(checked.planned), predictedPanel(app, checked.predicted, works ? "Of the platform's lock, in an order that works." : "Of the plan.")),
			moves.length > 0 && h("section", { class: "panel" }, h("h2", {}, "The plan"), timeline(moves)));
	}
	refresh().catch((error) => body.replaceChildren(note("bad", error.message)));
	return { element, refresh: () => refresh().catch(() => {}), leave: () => { gone = true; } };
}
