// SPDX-License-Identifier: GPL-3.0-or-later
// Plans and what became of them: approval, progress as it happens, predicted beside observed, the journal.

import * as api from "/api.js";
import { h, fill, badge, listing, head, facts, note, dialog, say, seconds, milliseconds, bytes, range, count, moment } from "/parts.js";
import { timeline } from "/charts.js";
import { signIn } from "/app.js";

const KINDS = { lock: "Lock", migrate: "Live migration", "force-lock": "Force-lock", unlock: "Unlock" };
const STATES = {
	planning: ["being planned", "busy"], refused: ["no plan", "bad"], planned: ["waits for approval", "warn"],
	approving: ["being approved", "busy"], going: ["under way", "busy"], done: ["done", "good"],
	stopped: ["stopped", "bad"], stale: ["stale", "bad"], unclear: ["a person must look", "bad"],
	interrupted: ["interrupted", "bad"], cancelled: ["cancelled", ""], failed: ["failed", "bad"],
};

function stateBadge(run) {
	const [text, kind] = STATES[run.state] || [run.state, ""];
	return badge(text, kind);
}

function title(run) {
	return `${KINDS[run.kind] || run.kind} of ${run.vm || run.host}${run.to ? ` to ${run.to}` : ""}`;
}

export async function runsPage() {
	const list = listing({
		caption: "Runs", list: "runs", search: "", columns: [
			{ label: "What", cell: (run) => h("a", { class: "name", href: `#/run/${run.id}` }, title(run)) },
			{ label: "State", cell: stateBadge },
			{ label: "By", cell: (run) => run.user },
			{ label: "Began", cell: (run) => moment(run.created_unix_s) },
			{ label: "Ended", cell: (run) => moment(run.ended_unix_s) },
			{ label: "Why", wide: true, class: "why", cell: (run) => run.why || "" },
		],
		load: (members, signal) => api.get("/api/runs", { offset: members.offset, limit: members.limit }, signal).then((answer) => ({ ...answer, offset: members.offset })),
		empty: "Nothing has been planned yet.",
	});
	list.element.querySelector(".filters").remove();
	return { element: h("div", {}, head("Plans and journal"), list.element), refresh: list.refresh, run: list.refresh };
}

// ------------------------------------------------------------------ one run

function moveState(move, run) {
	if (move.state === "going" && run.state !== "going")
		return badge("interrupted", "bad");
	return badge({ waiting: "waits", going: move.migration, done: "done", skipped: "needless", failed: "failed", unclear: "unclear" }[move.state] || move.state,
		{ done: "good", skipped: "good", going: "busy", failed: "bad", unclear: "bad" }[move.state]);
}

function share(move) {
	const all = (move.processed_bytes || 0) + (move.remaining_bytes || 0);
	return all > 0 ? move.processed_bytes / all : 0;
}

// The plan's moves with what the execution says of each.
function rows(run) {
	const executed = new Map((run.execution?.moves || []).map((move) => [move.id, move]));
	return (run.plan?.moves || []).map((move) => ({ ...move, ...(executed.get(move.id) || { state: "waiting" }), predicted: move.predicted, plannedWhy: move.why }));
}

function movesTable(run) {
	const began = Boolean(run.execution);
	const label = { evacuate: "leaves", "make-room": "makes room", bypass: "steps aside", return: "comes back" };
	const number = (text, ...content) => h("td", { class: "number", "data-label": text }, ...content);
	return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Moves" },
		h("table", { class: "cards" }, h("caption", { class: "visually-hidden" }, "Moves of the plan, predicted and observed"),
			h("thead", {}, h("tr", {}, ["Move", "From", "To", "Why", "After", "State", "Time", "Downtime", "Sent"].map((word, i) =>
				h("th", { scope: "col", class: i > 5 ? "number" : "" }, word)))),
			h("tbody", {}, rows(run).map((move) => h("tr", { "data-move": move.id },
				h("td", { "data-label": "Move" }, h("span", { class: "name" }, move.vm), move.method === "cold" && [" ", badge("cold", "warn")]),
				h("td", { "data-label": "From" }, move.from), h("td", { "data-label": "To" }, move.to),
				h("td", { "data-label": "Why" }, label[move.plannedWhy] || ""),
				h("td", { "data-label": "After" }, move.after?.length ? move.after.join(", ") : "–"),
				h("td", { "data-label": "State" }, began ? moveState(move, run) : badge("planned"),
					move.state === "going" && run.state === "going" && [" ", h("progress", { max: 1, value: share(move), "aria-label": `${move.vm}: ${Math.round(share(move) * 100)} %` })]),
				number("Time", pair(move.predicted?.duration_s?.p50, move.observed?.duration_s, seconds)),
				number("Downtime", pair(move.predicted?.downtime_ms?.p50, move.observed?.downtime_ms, milliseconds)),
				number("Sent", pair(move.predicted?.bytes, move.observed?.bytes, bytes)))))));
}

// Observed, and in soft what was predicted.
function pair(predicted, observed, words) {
	if (observed === undefined || observed === null)
		return h("span", { class: "soft" }, predicted === undefined ? "–" : `≈ ${words(predicted)}`);
	return h("span", {}, words(observed), h("span", { class: "soft" }, predicted === undefined ? "" : ` (≈ ${words(predicted)})`));
}

function summary(run) {
	const plan = run.plan;
	const worst = plan?.moves?.length ? plan.moves.reduce((a, b) => (b.predicted?.downtime_ms?.p50 || 0) > (a.predicted?.downtime_ms?.p50 || 0) ? b : a) : null;
	return facts([
		["State", stateBadge(run)],
		["By", run.user], run.approved_by && ["Approved by", run.approved_by],
		["Began", moment(run.created_unix_s)],
		run.ended_unix_s > 0 && ["Ended", moment(run.ended_unix_s)],
		plan?.moves && ["Moves", `${plan.moves.length}${plan.bounds?.moves !== undefined ? `, at least ${plan.bounds.moves} are needed` : ""}`],
		plan?.makespan_s && ["Predicted to take", range(plan.makespan_s, seconds)],
		worst?.predicted && ["Worst downtime", range(worst.predicted.downtime_ms, milliseconds), h("span", { class: "soft" }, ` (${worst.vm})`)],
		run.execution && [run.state === "going" ? "Took so far" : "Took", seconds(run.execution.elapsed_s)],
	]);
}

function progressBar(run) {
	const all = run.plan?.moves?.length || 0;
	const moves = rows(run), done = moves.filter((move) => move.state === "done" || move.state === "skipped").length;
	const parts = moves.reduce((sum, move) => sum + (move.state === "going" ? share(move) : 0), done);
	return h("div", {}, h("p", {}, `${done} of ${count(all, "move")} done`, run.execution?.left_s > 0 && `, about ${seconds(run.execution.left_s)} left`),
		h("progress", { max: Math.max(1, all), value: parts, "aria-label": "Progress of the plan" }));
}

function refusal(run) {
	const explanation = run.refusal?.explanation;
	const reasons = run.refusal?.hosts?.find((host) => host.host === run.to)?.reasons;
	return [run.why && note("bad", run.why),
		explanation?.changes?.length > 0 && [h("h3", {}, "Any of these would help"), h("ul", {}, explanation.changes.map((text) => h("li", {}, text)))],
		reasons && h("ul", { class: "plain" }, reasons.map((reason) => h("li", {}, `${reason.why} (${reason.rule})`)))];
}

// Those that are over, and how far the others are.
function observedTimes(run) {
	const times = {};
	for (const move of run.execution?.moves || []) {
		if (move.began_s === undefined)
			continue;
		const took = move.observed ? move.observed.duration_s : move.state === "going" ? Math.max(0, run.execution.elapsed_s - move.began_s) : 0;
		if (took > 0)
			times[move.id] = { start_s: move.began_s, duration_s: took };
	}
	return times;
}

export async function runPage(app, [id]) {
	const element = h("div");
	const journal = h("div");
	let run = null;

	async function act(path, words, body) {
		try {
			if (!await signIn())
				return;
			const answer = await api.post(path, { run: id, ...body });
			say(words);
			if (answer.id !== id)
				location.hash = `#/run/${answer.id}`;
			else
				await refresh();
		} catch (error) {
			say(error.message);
			refresh();
		}
	}
	function approve() {
		const moves = run.plan.moves.length;
		dialog(`Approve: ${title(run)}`, [
			h("p", {}, `${count(moves, "migration")} ${moves === 1 ? "is" : "are"} begun${app.site.live ? " on live hosts" : ", simulated"}. The plan is proven once more by an independent program, signed, and then carried out.`),
			run.plan.makespan_s && h("p", {}, "Predicted to take ", range(run.plan.makespan_s, seconds), "."),
		], { label: "Approve and begin", action: () => act("/api/run/approve", "Approved.") });
	}
	function approveElsewhere() {
		const text = h("textarea", { id: "approval", spellcheck: "false" });
		dialog("An approval made elsewhere", [
			h("p", {}, "Somebody who may approve signs the plan on their own machine:"),
			h("pre", { class: "journal", tabindex: "0" }, "lockkeeper approve plan.json --cluster cluster.json --key ~/.ssh/id_ed25519"),
			h("p", {}, h("a", { href: api.url("/api/run/file", { id, name: "plan.json" }) }, "plan.json"), " and ", h("a", { href: api.url("/api/run/file", { id, name: "cluster.json" }) }, "cluster.json")),
			h("label", { for: "approval" }, "What it printed"), text,
		], {
			label: "Hand it in",
			action: () => {
				let approval;
				try {
					approval = JSON.parse(text.value);
				} catch {
					throw new Error("That is no approval: expected the JSON that lockkeeper approve printed.");
				}
				return act("/api/run/approve", "Taken.", { approval });
			},
		});
	}
	function cancel() {
		const going = run.state === "going";
		dialog(`Cancel: ${title(run)}`, h("p", {}, going
			? "Nothing new is begun; migrations that can still be given up are, the others go to their ends. What has moved stays where it is."
			: "Nothing has moved yet."), { label: going ? "Stop it" : "Cancel it", kind: "danger", cancel: "Go on", action: () => act("/api/run/cancel", "Being cancelled.") });
	}
	function buttons() {
		if (app.site.read_only)
			return [];
		const all = [];
		if (run.state === "planned")
			all.push(!run.signed && h("button", { type: "button", class: "primary", onclick: approve }, run.approvals_needed > run.approvals + 1 ? "Approve" : run.kind === "lock" ? "Approve and lock" : "Approve and begin"),
				h("button", { type: "button", onclick: approveElsewhere }, "Approval made elsewhere…"));
		if (["planning", "planned", "approving", "going"].includes(run.state))
			all.push(h("button", { type: "button", class: "danger", onclick: cancel }, "Cancel"));
		if (["stopped", "unclear", "interrupted"].includes(run.state))
			all.push(h("button", { type: "button", class: "primary", onclick: () => act("/api/run/resume", "Goes on.") }, "Resume"));
		if (["stale", "refused", "cancelled", "failed", "planned"].includes(run.state) && ["lock", "migrate"].includes(run.kind))
			all.push(h("button", { type: "button", onclick: () => act("/api/run/plan", "Being planned again.") }, "Plan again"));
		return all;
	}
	async function showJournal() {
		const tries = 20;
		journal.replaceChildren(h("p", { class: "soft" }, "Being gone over…"));
		for (let i = 1; ; i++) {
			try {
				journal.replaceChildren(h("pre", { class: "journal", tabindex: "0" }, await api.getText("/api/run/journal", { id })));
				return;
			} catch (error) {
				/* Somebody else's is being gone over. */
				if (error.status !== 503 || i === tries) {
					journal.replaceChildren(note("bad", error.message));
					return;
				}
			}
			await new Promise((resolve) => setTimeout(resolve, 1000));
		}
	}
	function draw() {
		const refused = run.state === "refused", focused = document.activeElement?.textContent;
		const inside = element.contains(document.activeElement);
		fill(element, head(title(run), ...buttons()),
			[
				h("section", { class: "panel" }, summary(run),
					run.approvals_needed > 1 && h("p", {}, `${run.approvals} of ${run.approvals_needed} approvals`),
					refused ? refusal(run) : run.why && note(run.state === "done" ? "good" : "warn", run.why),
					run.state === "planning" && h("p", { class: "soft" }, "The plan is being made and simulated…"),
					run.state === "unclear" && note("bad", "It is unclear which side runs an instance. Nothing new is begun. Look at both hosts before anything is started anew."),
					run.execution && progressBar(run)),
				run.plan?.moves?.length > 0 && h("section", { class: "panel" }, h("h2", {}, "Timeline"), timeline(rows(run), observedTimes(run))),
				run.plan?.moves && h("section", { class: "panel" }, h("h2", {}, "Steps"), run.plan.moves.length ? movesTable(run) : h("p", {}, "Nothing has to move.")),
				run.execution && h("section", { class: "panel" }, h("h2", {}, "Journal"), h("p", { class: "soft" }, "Each event, and what was ordered then."),
					h("button", { type: "button", onclick: showJournal }, "Show the journal"), journal),
			]);
		if (inside)
			[...element.querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
	}
	async function refresh() {
		run = await api.get("/api/run", { id });
		draw();
	}
	// What the server tells between two looks: only the moves that are others than before.
	function heard(told) {
		if (told.id !== id || !run)
			return;
		if (!told.changed || !run.execution || told.state !== run.state) {
			refresh().catch(() => {});
			return;
		}
		for (const move of told.changed) {
			const at = run.execution.moves.findIndex((one) => one.id === move.id);
			if (at >= 0)
				run.execution.moves[at] = move;
		}
		run.execution.elapsed_s = told.elapsed_s;
		run.execution.left_s = told.left_s;
		draw();
	}
	await refresh();
	return { element, refresh: () => refresh().catch(() => {}), run: heard };
}
