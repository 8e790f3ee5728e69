// SPDX-License-Identifier: GPL-3.0-or-later
// What-ifs: changes that are only thought of, and the lock board as it would be.

import * as api from "/api.js";
import { h, listing, choice, head, note, say, count, badge } from "/parts.js";
import { verdictColumns, lockBadge, planBadge, whyNot } from "/hosts.js";
import { signIn } from "/app.js";

// [what it is about, its path, [[member, words, kind], …]]; kind: number, or the words to choose from.
const KINDS = {
	host: ["A host", "cluster.hosts", [["memory_mib", "Memory, MiB", "number"], ["cpus", "CPUs", "number"], ["nic_mbit_s", "Link speed, Mbit/s", "number"], ["administrative", "State", ["unlocked", "locked"]]]],
	group: ["A server group", "cluster.groups", [["best_effort", "Best effort", [true, false]], ["policy", "Policy", ["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"]], ["max_per_host", "Members a host", "number"]]],
	vm: ["An instance", "cluster.vms", [["dirty.rate_pages_s", "Dirty rate, pages/s", "number"], ["dirty.working_set_mib", "Working set, MiB", "number"], ["state", "State", ["active", "paused", "stopped"]], ["group", "Server group", "text"]]],
	cluster: ["All migrations", "cluster.migration", [["bandwidth_mib_s", "Bandwidth cap, MiB/s", "number"], ["max_downtime_ms", "Downtime limit, ms", "number"], ["timeout_s", "Time limit, s", "number"], ["parallel_per_host", "At a time from a host", "number"], ["post_copy", "Post-copy", [true, false]]]],
};

function editor(add) {
	const kind = h("select", { id: "edit-kind" }, Object.entries(KINDS).map(([word, [text]]) => h("option", { value: word }, text)));
	const name = h("input", { id: "edit-name", autocomplete: "off", placeholder: "compute-1, or web-*" });
	const member = h("select", { id: "edit-member" });
	const how = h("select", { id: "edit-how" }, h("option", { value: "value" }, "becomes"), h("option", { value: "scale" }, "is multiplied by"));
	const place = h("div");
	const nameField = h("div", {}, h("label", { for: "edit-name" }, "Name or pattern"), name);
	const howField = h("div", {}, h("label", { for: "edit-how" }, "How"), how);
	let value;

	function members() {
		member.replaceChildren(...KINDS[kind.value][2].map(([word, text]) => h("option", { value: word }, text)));
		nameField.classList.toggle("hidden", kind.value === "cluster");
		values();
	}
	function values() {
		const [, , type] = KINDS[kind.value][2].find(([word]) => word === member.value);
		value = Array.isArray(type) ? h("select", { id: "edit-value" }, type.map((word) => h("option", { value: String(word) }, String(word))))
			: h("input", { id: "edit-value", inputmode: type === "number" ? "decimal" : "text", autocomplete: "off", size: 10 });
		howField.classList.toggle("hidden", type !== "number");
		place.replaceChildren(h("label", { for: "edit-value" }, "Value"), value);
	}
	function made() {
		const [, base, all] = KINDS[kind.value];
		const [word, text, type] = all.find(([one]) => one === member.value);
		const scale = type === "number" && how.value === "scale";
		const path = kind.value === "cluster" ? `${base}.${word}` : `${base}[${name.value.trim()}].${word}`;
		if (kind.value !== "cluster" && !name.value.trim())
			throw new Error("Name what is to be changed, or give a pattern.");
		if (type === "number" && (value.value.trim() === "" || !Number.isFinite(Number(value.value))))
			throw new Error(`${text}: expected a number.`);
		const to = type === "number" ? Number(value.value) : value.value === "true" ? true : value.value === "false" ? false : value.value;
		return { path, [scale ? "scale" : "value"]: to };
	}
	kind.addEventListener("change", members);
	member.addEventListener("change", values);
	members();
	return h("div", { class: "filters" },
		h("div", {}, h("label", { for: "edit-kind" }, "Of"), kind), nameField,
		h("div", {}, h("label", { for: "edit-member" }, "What"), member), howField, place,
		h("button", { type: "button", onclick: () => {
			try {
				add(made());
			} catch (error) {
				say(error.message);
			}
		} }, "Add the change"));
}

export async function whatIfPage(app) {
	const edits = [], list = h("ul", { class: "plain" }), result = h("div"), wrong = h("div", { role: "alert" });
	let id = null, board = null, progress = null;

	function draw() {
		list.replaceChildren(...edits.map((edit, i) => h("li", {}, h("code", {}, edit.path), edit.scale === undefined ? " becomes " : " × ", h("strong", {}, String(edit.scale ?? edit.value)), " ",
			h("button", { type: "button", class: "link", "aria-label": `Take back: ${edit.path}`, onclick: () => {
				edits.splice(i, 1);
				draw();
			} }, "take back"))));
		if (edits.length === 0)
			list.replaceChildren(h("li", { class: "soft" }, "No change yet."));
	}
	async function show() {
		wrong.replaceChildren();
		if (edits.length === 0) {
			wrong.replaceChildren(note("warn", "Add a change first."));
			return;
		}
		try {
			if (!await signIn())
				return;
			const answer = await api.post("/api/what-if", { edits });
			id = answer.id;
			showBoard(answer.changed);
		} catch (error) {
			wrong.replaceChildren(note("bad", error.message));
		}
	}
	function now(host, before) {
		const then = before.get(host.name)?.verdict;
		if (!host.verdict || !then)
			return "";
		if (then.lock === host.verdict.lock && then.plan === host.verdict.plan && then.moves === host.verdict.moves)
			return h("span", { class: "soft" }, "as now");
		return h("span", {}, "now: ", lockBadge(then.lock), " ", planBadge(then));
	}
	function showBoard(changed) {
		const before = new Map();
		progress = h("span", { class: "soft" });
		board = listing({
			caption: "The lock board as it would be", list: "hosts", search: "name, zone, reason", start: { sort: "name" },
			filters: [choice("Plan", "plan", [["", "all"], ["lockable", "lockable"], ["not-lockable", "no plan"], ["unknown", "not decided"]])],
			columns: [
				{ name: "name", label: "Host", cell: (host) => h("span", { class: "name" }, host.name) },
				...verdictColumns,
				{ label: "Beside now", cell: (host) => now(host, before) },
				{ label: "Why not", wide: true, class: "why", cell: (host) => whyNot(host.verdict) },
				{ label: "Scenario", cell: (host) => h("a", { href: api.url("/api/what-if/scenario", { id, host: host.name }), download: "what-if.json", "aria-label": `Save, locks ${host.name}` }, "Save, locks ", host.name) },
			],
			load: async (members, signal) => {
				const [then, today] = await Promise.all([
					api.get("/api/what-if/hosts", { ...members, id }, signal),
					api.get("/api/hosts", { ...members, plan: "", lock: "" }, signal)]);
				for (const host of today.hosts)
					before.set(host.name, host);
				return then;
			},
		});
		result.replaceChildren(
			h("div", { class: "head" }, h("h2", {}, "The board as it would be"),
				h("div", { class: "actions" }, badge(count(changed, "value") + " changed"), progress,
					h("a", { class: "button", href: api.url("/api/what-if/scenario", { id }), download: "what-if.json" }, "Save as a scenario"))),
			board.element);
	}
	draw();
	return {
		element: h("div", {}, head("What-if"),
			h("p", { class: "soft" }, "Changes here touch nothing: the board is looked at as it would be, and can be saved as a scenario for the command line."),
			h("section", { class: "panel" }, h("h2", {}, "Changes"), editor((edit) => {
				edits.push(edit);
				draw();
			}), list, wrong,
			h("p", {}, h("button", { type: "button", class: "primary", onclick: show }, "Show the board"))),
			h("section", {}, result)),
		whatIf: (told) => {
			if (told.id !== id || !board)
				return;
			progress.textContent = told.wrong || (told.known < told.hosts ? `verdicts of ${told.known} of ${told.hosts} hosts` : "");
			board.refresh();
		},
	};
}
