// SPDX-License-Identifier: GPL-3.0-or-later
// Pictures drawn by hand as SVG: a plan's moves in time, predicted and observed.

import { h, svg, seconds } from "/parts.js";

const TOP = 8, FOOT = 26, MOST = 60;

// Round numbers for an axis up to `most`.
function ticks(most, count) {
	const rough = most / count, power = 10 ** Math.floor(Math.log10(rough || 1));
	const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) || 1;
	const all = [];
	for (let at = 0; at <= most * 1.0001; at += step)
		all.push(at);
	return all;
}

function shorten(text, most) {
	return text.length > most ? text.slice(0, most - 1) + "…" : text;
}

/*
 * moves: {vm, from, to, predicted: {start_s, duration_s}}; observed: by id of the move {start_s, duration_s}.
 * A table beside it says the same to who cannot see it.
 */
export function timeline(moves, observed = {}) {
	const shown = moves.slice(0, MOST);
	// Where it is narrow, names stand above the bars.
	const width = Math.max(280, Math.min(1100, window.innerWidth - 60)), narrow = width < 600;
	const label = narrow ? 0 : 210, row = narrow ? 40 : 24;
	const ends = shown.map((move) => move.predicted ? move.predicted.start_s + move.predicted.duration_s.p90 : 0)
		.concat(Object.values(observed).map((one) => one.start_s + one.duration_s));
	const most = Math.max(1, ...ends), height = TOP + shown.length * row + FOOT;
	const x = (at) => label + 14 + (width - label - 44) * at / most;
	const picture = svg("svg", {
		class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img",
		"aria-label": `Timeline of ${moves.length} moves over ${seconds(most)}; the table has the same numbers.`,
	});
	for (const at of ticks(most, narrow ? 3 : 6)) {
		picture.append(svg("line", { class: "axis", x1: x(at), x2: x(at), y1: TOP, y2: height - FOOT }));
		const text = svg("text", { class: "soft", x: x(at), y: height - 8, "text-anchor": "middle" });
		text.textContent = seconds(at);
		picture.append(text);
	}
	shown.forEach((move, i) => {
		const y = TOP + i * row + (narrow ? 16 : 0), of = observed[move.id], bar = of ? 8 : 14;
		const name = svg("text", { x: 0, y: narrow ? y - 3 : y + 15 });
		name.textContent = shorten(`${move.vm} → ${move.to}`, narrow ? 40 : 30);
		const title = svg("title");
		title.textContent = `${move.vm}: ${move.from} → ${move.to}`;
		name.append(title);
		picture.append(name);
		if (move.predicted) {
			const start = move.predicted.start_s, { p10, p50, p90 } = move.predicted.duration_s;
			picture.append(
				svg("rect", { class: "predicted", x: x(start), y: y + 3, width: Math.max(1, x(start + p50) - x(start)), height: bar, rx: 2 }),
				svg("line", { class: "range", x1: x(start + p10), x2: x(start + p90), y1: y + 3 + bar / 2, y2: y + 3 + bar / 2 }));
		}
		if (of)
			picture.append(svg("rect", { class: "observed", x: x(of.start_s), y: y + 13, width: Math.max(1, x(of.start_s + of.duration_s) - x(of.start_s)), height: 7, rx: 2 }));
	});
	return h("div", {}, picture,
		h("ul", { class: "legend" },
			h("li", {}, h("span", { class: "predicted" }), "predicted (median; the line: 10th to 90th percentile)"),
			Object.keys(observed).length > 0 && h("li", {}, h("span", { class: "observed" }), "observed")),
		moves.length > MOST && h("p", { class: "soft" }, `The first ${MOST} of ${moves.length} moves are drawn.`));
}
