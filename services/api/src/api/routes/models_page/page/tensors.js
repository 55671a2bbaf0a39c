// The protocol's JSON: an example of a request, what is left out of it, and a readable form of any JSON.

const MOST_ELEMENTS = 256;
const SOME = { BOOL: false, BYTES: "text" };

/** Return a request of the smallest tensors that the model takes; data that would be long is left out. */
export function exampleOf(metadata) {
  const inputs = metadata.inputs.map(({ name, datatype, shape: declared }) => {
    const shape = declared.map((size) => (size < 0 ? 1 : size));
    const data = elements(shape) > MOST_ELEMENTS ? {} : { data: zeros(datatype, shape) };
    return { name, datatype, shape, ...data };
  });
  return pretty(JSON.stringify({ inputs }));
}

/** Return the text to send: as it stands, or with zeros for those inputs that have no data. */
export function completed(text) {
  let request;
  try {
    request = JSON.parse(text);
  } catch {
    return text; // the api says what is wrong with it
  }
  if (!Array.isArray(request?.inputs)) return text;
  const isShort = (input) => input && !("data" in input) && Array.isArray(input.shape) && elements(input.shape) < 2e7;
  if (!request.inputs.some(isShort)) return text;
  for (const input of request.inputs.filter(isShort)) input.data = zeros(input.datatype, input.shape);
  return JSON.stringify(request);
}

/** Return JSON with a line for each member of an object, and lists of plain values in one line; numbers stay as they are. */
export function pretty(text) {
  const tokens = text.match(/"(?:\\.|[^"\\])*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  const open = []; // for each level, whether its parts have lines of their own
  let out = "";
  const newline = () => { out += `\n${"  ".repeat(open.filter(Boolean).length)}`; };
  tokens.forEach((token, i) => {
    if (token === "{" || token === "[") {
      const isLong = (token === "{" || tokens[i + 1] === "{") && !"}]".includes(tokens[i + 1]);
      open.push(isLong);
      out += token;
      if (isLong) newline();
    } else if (token === "}" || token === "]") {
      if (open.pop()) newline();
      out += token;
    } else if (token === ",") {
      out += open.at(-1) ? "," : ", ";
      if (open.at(-1)) newline();
    } else {
      out += token === ":" ? ": " : token;
    }
  });
  return out;
}

export const elements = (shape) => shape.reduce((product, size) => product * size, 1);

function zeros(datatype, shape) {
  return Array(elements(shape)).fill(SOME[datatype] ?? 0);
}
