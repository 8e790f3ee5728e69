// SPDX-License-Identifier: GPL-3.0-or-later
// Instances, and the dialog that live-migrates one: where it can go, and what that would do.

import * as api from "/api.js";
import { h, fill, badge, menu, dialog, listing, choice, head, note, facts, seconds, milliseconds, bytes, range } from "/parts.js";
import { signIn } from "/app.js";

const ROW = 52, PAGE = 100;

function stateBadge(instance) {
	const kind = { active: "good", error: "bad", stopped: "", paused: "warn", suspended: "warn" }[instance.state];
	return [badge(instance.state, kind), instance.task && [" ", badge(instance.task, "busy")]];
}

// ------------------------------------------------------------------ the list of hosts to choose from

/*
 * A list box of as many rows as there are hosts, of which those in sight are there. The first row is what
 * auto-scheduling takes. chosen(target): {host} or {auto: true, host}; null: nothing that may be taken.
 */
function targetList(vm, chosen) {
	const list = h("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": "New Host" });
	const room = h("div");
	const pages = new Map();
	let total = 0, auto = null, reason = null, search = "", active = 0, selected = null, epoch = 0;
	list.append(room);
	room.style.position = "relative";

	const rows = () => total + 1;
	function target(index) {
		if (index === 0)
			return { key: "auto", auto: true, host: auto, allowed: auto !== null };
		const page = pages.get(Math.floor((index - 1) / PAGE));
		const row = page?.[(index - 1) % PAGE];
		return row && { key: row.host, host: row.host, allowed: row.allowed, rank: row.rank, reasons: row.reasons };
	}
	function words(one) {
		if (one.auto)
			return ["Auto schedule host", one.host ? `would take ${one.host}` : reason ? reason.why : "No valid host was found"];
		return [one.host, one.allowed ? (one.rank ? `rank ${one.rank} of auto-scheduling` : "allowed; auto-scheduling would not take it")
			: one.reasons.map((why) => why.why).join("; ") || "not allowed"];
	}
	function draw() {
		const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 3);
		const last = Math.min(rows(), first + Math.ceil(list.clientHeight / ROW) + 7);
		const made = [];
		room.style.height = `${rows() * ROW}px`;
		for (let i = first; i < last; i++) {
			const one = target(i);
			if (!one) {
				load(Math.floor((i - 1) / PAGE));
				continue;
			}
			const [name, what] = words(one);
			const option = h("div", {
				role: "option", id: `target-${i}`, "aria-selected": String(one.key === selected), "aria-disabled": one.allowed ? null : "true",
				"aria-posinset": i + 1, "aria-setsize": rows(), title: what, class: i === active ? "active" : "",
				onclick: () => pick(i),
			}, h("div", { class: "name" }, name), h("div", { class: "soft" }, what));
			option.style.top = `${i * ROW}px`;
			made.push(option);
		}
		room.replaceChildren(...made);
		list.setAttribute("aria-activedescendant", `target-${active}`);
	}
	async function load(page) {
		const mine = epoch;
		if (pages.has(page))
			return;
		pages.set(page, null);
		try {
			const answer = await api.get("/api/targets", { vm, limit: PAGE, offset: page * PAGE, search });
			if (mine !== epoch)
				return;
			pages.set(page, answer.hosts);
			total = answer.total;
			auto = answer.auto;
			reason = answer.reason;
			if (selected === null && page === 0)
				pick(0);
			draw();
		} catch (error) {
			if (mine === epoch)
				room.replaceChildren(note("bad", error.message));
		}
	}
	function pick(index) {
		const one = target(index);
		active = index;
		if (one) {
			selected = one.allowed ? one.key : selected;
			chosen(one);
		}
		draw();
	}
	function go(index) {
		active = Math.max(0, Math.min(rows() - 1, index));
		if (active * ROW < list.scrollTop)
			list.scrollTop = active * ROW;
		if ((active + 1) * ROW > list.scrollTop + list.clientHeight)
			list.scrollTop = (active + 1) * ROW - list.clientHeight;
		pick(active);
	}
	list.addEventListener("scroll", draw);
	list.addEventListener("keydown", (event) => {
		const to = { ArrowDown: active + 1, ArrowUp: active - 1, Home: 0, End: rows() - 1, PageDown: active + 4, PageUp: active - 4 }[event.key];
		if (to === undefined)
			return;
		event.preventDefault();
		go(to);
	});
	return {
		element: list,
		find(text) {
			search = text;
			pages.clear();
			epoch++;
			active = 0;
			list.scrollTop = 0;
			load(0);
		},
		begin: () => load(0),
	};
}

// ------------------------------------------------------------------ the dialog

function predictionWords(prediction) {
	if (prediction.reasons)
		return prediction.reasons.map((reason) => note("bad", `${reason.why} (${reason.rule})`));
	return [
		facts([
			["Takes", range(prediction.duration_s, seconds)],
			[prediction.method === "live" ? "Stands still for" : "Is off for", range(prediction.downtime_ms, milliseconds)],
			["Sends", bytes(prediction.bytes)],
		]),
		prediction.method === "cold" && note("warn", "It can only be moved cold: the guest is shut down and started again."),
		prediction.completes < 1 && note("warn", `In ${Math.round(prediction.completes * 100)} % of the runs it ends in time; else it is given up, and the guest goes on where it is.`),
		prediction.broken_groups.length > 0 && note("warn", `Best-effort groups that would not hold any more: ${prediction.broken_groups.join(", ")}`),
	];
}

export function migrateDialog(instance) {
	const prediction = h("div", { class: "prediction", "aria-live": "polite" }, h("p", { class: "soft" }, "Choose a host."));
	const search = h("input", { type: "search", id: "target-search", placeholder: "part of a host's name", autocomplete: "off" });
	let target = null, asked = 0, timer = 0;
	const list = targetList(instance.name, async (one) => {
		const mine = ++asked;
		target = one.allowed ? one : null;
		parts?.yes.setAttribute("aria-disabled", String(!target));
		if (!one.allowed) {
			prediction.replaceChildren(note("bad", one.auto ? "No valid host was found." : `${one.host}: ${one.reasons?.map((why) => why.why).join("; ") || "not allowed"}`));
			return;
		}
		try {
			const answer = await api.get("/api/prediction", { vm: instance.name, to: one.host });
			if (mine === asked)
				fill(prediction, predictionWords(answer));
		} catch (error) {
			if (mine === asked)
				prediction.replaceChildren(note("bad", error.message));
		}
	});
	const parts = dialog("Live Migrate Instance", [
		h("p", {}, h("strong", {}, instance.name)),
		h("label", { for: "current-host" }, "Current Host"),
		h("input", { id: "current-host", readonly: true, value: instance.host || "none" }),
		h("label", { for: "target-search" }, "New Host"),
		search, list.element,
		h("h3", {}, "Predicted"), prediction,
	], {
		label: "Live Migrate",
		action: async () => {
			if (!target || !await signIn())
				return false;
			const run = await api.post("/api/migrate", { vm: instance.name, to: target.auto ? null : target.host });
			location.hash = `#/run/${run.id}`;
			return true;
		},
	});
	parts.yes.setAttribute("aria-disabled", "true");
	search.addEventListener("input", () => {
		clearTimeout(timer);
		timer = setTimeout(() => list.find(search.value), 150);
	});
	list.begin();
}

// ------------------------------------------------------------------ the page

export async function instancesPage(app, [host]) {
	const hostFilter = h("div", {}, h("label", { for: "filter-host" }, "Host"), h("input", { id: "filter-host", name: "host", value: host || "", autocomplete: "off", size: 14 }));
	const list = listing({
		caption: "Instances", list: "instances", search: "name, host, group, flavor, state", start: { sort: "name" },
		filters: [
			hostFilter,
			choice("State", "state", [["", "all"], ...["active", "paused", "suspended", "stopped", "error", "rescued", "verify-resize"].map((word) => [word, word])]),
			choice("Flavor", "flavor", [["", "all"], ...app.site.flavors.slice(0, 200).map((word) => [word, word])]),
		],
		columns: [
			{ name: "name", label: "Instance", cell: (row) => h("span", { class: "name" }, row.name) },
			{ name: "host", label: "Host", cell: (row) => row.host ? h("a", { href: `#/host/${encodeURIComponent(row.host)}` }, row.host) : "–" },
			{ name: "group", label: "Server group", cell: (row) => row.group ? h("a", { href: `#/group/${encodeURIComponent(row.group)}` }, row.group) : "" },
			{ name: "state", label: "State", cell: (row) => h("span", {}, stateBadge(row)) },
			{ name: "flavor", label: "Flavor", cell: (row) => row.flavor },
			{ name: "memory", label: "Memory", number: true, cell: (row) => bytes(row.memory_mib * 1048576) },
			{ label: "Actions", cell: (row) => !app.site.read_only && menu("More", row.name, [["Live Migrate Instance", () => migrateDialog(row)]]) },
		],
		load: (members, signal) => api.get("/api/instances", members, signal),
		empty: "No instance is like that.",
	});
	return { element: h("div", {}, head("Instances"), list.element), refresh: list.refresh };
}
