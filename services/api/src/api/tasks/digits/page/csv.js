// What was read as a table for spreadsheets and programs: RFC 4180, UTF-8.

const HEAD = ["index", "file", "digit", "confidence", "warning", "error"];

/** Return the results of a job as CSV. */
export function csvOf(results) {
  const rows = results.map(({ index, name = "", answer, error }) => [
    index, name, answer?.prediction ?? "", answer?.confidence ?? "", answer?.warning?.code ?? "", error?.code ?? "",
  ]);
  return [HEAD, ...rows].map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

/** Let a person keep the text as a file. */
export function save(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function field(value) {
  // Spreadsheets would run a file name that begins like a formula.
  const text = typeof value === "string" ? value.replace(/^(?=[=+\-@\t\r])/, "'") : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
