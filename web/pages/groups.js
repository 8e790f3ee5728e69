// SPDX-License-Identifier: GPL-3.0-or-later
// Server groups: their policies, who is where, and where they do not hold.

import * as api from "/api.js";
import { h, badge, listing, choice, head, facts } from "/parts.js";

function policyWords(group) {
	const strict = group.best_effort ? "best effort" : "strict";
	return `${group.policy}, ${strict}${group.policy === "anti-affinity" && group.max_per_host > 1 ? `, ${group.max_per_host} a host` : ""}`;
}

function holdsBadge(group) {
	if (group.holds)
		return badge("holds", "good");
	return badge("violated", group.best_effort ? "warn" : "bad");
}

export async function groupsPage() {
	const list = listing({
		caption: "Server groups", list: "groups", search: "name, policy", start: { sort: "name" },
		filters: [choice("Policy", "holds", [["", "all"], ["true", "holds"], ["false", "violated"]])],
		columns: [
			{ name: "name", label: "Group", cell: (group) => h("a", { class: "name", href: `#/group/${encodeURIComponent(group.name)}` }, group.name) },
			{ name: "policy", label: "Policy", cell: policyWords },
			{ name: "members", label: "Members", number: true, cell: (group) => group.members },
			{ name: "hosts", label: "Hosts", number: true, cell: (group) => group.hosts },
			{ name: "holds", label: "State", cell: holdsBadge },
		],
		load: (members, signal) => api.get("/api/groups", members, signal),
		empty: "No group is like that.",
	});
	return { element: h("div", {}, head("Server groups"), list.element), refresh: list.refresh };
}

export async function groupPage(app, [name]) {
	const element = h("div");

	async function refresh() {
		const group = await api.get("/api/group", { name });
		element.replaceChildren(head(group.name),
			h("section", { class: "panel" }, facts([
				["Policy", policyWords(group)], ["State", holdsBadge(group)],
				["Members", `${group.members} on ${group.hosts} ${group.hosts === 1 ? "host" : "hosts"}`],
			])),
			h("section", { class: "panel" }, h("h2", {}, "Members"),
				h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Members" },
					h("table", { class: "cards" }, h("caption", { class: "visually-hidden" }, `Members of ${group.name}`),
						h("thead", {}, h("tr", {}, ["Instance", "Host", "State", "Policy"].map((word) => h("th", { scope: "col" }, word)))),
						h("tbody", {}, group.vms.map((vm) => h("tr", {},
							h("td", { "data-label": "Instance" }, h("span", { class: "name" }, vm.name)),
							h("td", { "data-label": "Host" }, vm.host ? h("a", { href: `#/host/${encodeURIComponent(vm.host)}` }, vm.host) : "–"),
							h("td", { "data-label": "State" }, vm.state),
							h("td", { "data-label": "Policy" }, vm.odd ? badge("not as it should be", group.best_effort ? "warn" : "bad") : badge("as it should be", "good")))))))));
	}
	await refresh();
	return { element, refresh: () => refresh().catch(() => {}) };
}
