// Every model there is, how good each is, which one answers and who decided so.
import { byId, drawn, element, table } from "./elements.js";
import { clearFaults, fieldOf, showFaults } from "./faults.js";
import { picture, legend } from "./history.js";
import { ask } from "./server.js";
import { date, money, number, percent, t } from "./words.js";

const form = byId("promote");
const FIGURES = {
  mae_usd: (value) => money(value, 2),
  rmse_usd: (value) => money(value, 2),
  mape: percent,
  r2: (value) => number(value, 4),
};
let [models, decided, nextCursor] = [[], [], null];

byId("metric").addEventListener("change", drawHistory);
byId("older").addEventListener("click", older);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  promote();
});
load();

async function load() {
  const answer = await history();
  if (!answer) return;
  [models, decided] = [answer.models, answer.decisions];
  show();
  const { champion } = answer;
  const known = models.find((model) => model.version === champion);
  if (known || champion === null) return showChampion(known);
  const { ok, answer: card } = await ask(`/v1/models/${champion}`);
  if (ok) showChampion(card);
}

/** A page of models and decisions; the newest, or those before `cursor`. */
async function history(cursor) {
  const { ok, answer } = await ask(cursor ? `/v1/models?cursor=${encodeURIComponent(cursor)}` : "/v1/models");
  if (!ok) {
    byId("said").textContent = answer.detail;
    return undefined;
  }
  nextCursor = answer.next_cursor;
  return answer;
}

async function older() {
  const answer = await history(nextCursor);
  if (!answer) return;
  models.push(...answer.models);
  decided.push(...answer.decisions);
  show();
  byId("said").textContent = t("models.older.shown");
}

function show() {
  byId("history").replaceChildren(historyTable());
  byId("decisions").replaceChildren(...decisions(decided));
  const { value } = byId("version");
  byId("version").replaceChildren(...models.filter((model) => !model.not_served).map(option));
  if (models.some((model) => String(model.version) === value)) byId("version").value = value;
  byId("older").hidden = !nextCursor;
  drawHistory();
}

function showChampion(model) {
  const lines = model
    ? [
        t("models.champion.is", { version: String(model.version), family: model.family, date: date(model.created_at) }),
        t("models.champion.error", { mae: FIGURES.mae_usd(model.metrics.mae_usd), n: model.metrics.n_rows }),
      ]
    : [t("models.champion.none")];
  byId("champion").replaceChildren(...lines.map((line) => element("p", {}, line)));
}

function historyTable() {
  const header = ["version", "family", "trained"].map((name) => t(`models.${name}`));
  const figures = Object.keys(FIGURES).map((name) => t(`models.short.${name}`));
  const rows = models.map((model) => [
    model.is_champion
      ? [String(model.version), " ", element("strong", { class: "badge" }, t("models.is-champion"))]
      : String(model.version),
    model.family,
    date(model.created_at),
    number(model.data.n_train),
    ...Object.entries(FIGURES).map(([name, inWords]) => inWords(model.metrics[name])),
  ]);
  return table(t("models.table"), [...header, t("models.rows"), ...figures], rows, true);
}

function drawHistory() {
  const metric = byId("metric").value;
  const name = t(`models.metric.${metric}`);
  byId("over-time").replaceChildren();
  if (models.length === 0) return;
  const place = drawn(element("div"), (width) => picture(width, models, metric, name));
  byId("over-time").append(place, legend(models));
}

function decisions(found = []) {
  if (found.length === 0) return [element("p", { class: "hint" }, t("models.decisions.none"))];
  const item = ({ at, rolled_back, promoted, candidate, reason }) => {
    const kind = rolled_back ? "rolled-back" : promoted ? "promoted" : "not-promoted";
    return element(
      "li",
      { class: kind },
      element("p", { class: "hint" }, element("time", { datetime: at }, date(at))),
      element("h3", {}, t(`models.decision.${kind}`, { version: String(candidate) })),
      element("p", {}, reason),
    );
  };
  return [element("ol", { class: "plain decisions" }, found.map(item))];
}

function option({ version, family, is_champion }) {
  const words = t("models.promote.option", { version: String(version), family });
  return element("option", { value: version, selected: is_champion }, words);
}

async function promote() {
  clearFaults(form);
  const [version, reason, key] = ["version", "reason", "key"].map((name) => form.elements[name].value.trim());
  const missing = Object.entries({ reason, key }).filter(([, value]) => value === "");
  if (missing.length > 0) {
    return showFaults(form, missing.map(([field]) => ({ field, message: t("counter.missing") })));
  }
  const path = `/v1/models/${encodeURIComponent(version)}/promote`;
  const { ok, status, answer } = await ask(path, { body: { reason }, key: latin(key) });
  if (ok) {
    await load();
    form.elements.reason.value = "";
    const { promoted, reason: why } = answer.decision;
    byId("said").textContent = promoted ? t("models.promote.done", { version }) : why;
    byId("said").scrollIntoView({ block: "nearest" });
  } else if (status === 401 || status === 403) {
    showFaults(form, [{ field: "key", message: answer.detail }]);
  } else if (answer.errors.length > 0) {
    showFaults(form, answer.errors.map(({ pointer, message }) => ({ field: fieldOf(pointer), message })));
  } else {
    showFaults(form, [{ message: answer.detail }]);
  }
}

/** A header takes no letters but Latin ones; a key with others cannot be right, which is for the server to say. */
function latin(key) {
  return String.fromCharCode(...new TextEncoder().encode(key));
}
