// The files of a ZIP archive, for their pictures in the table; what may be in an archive, the server decides.
// Source of the offsets: PKWARE's APPNOTE.TXT, 4.3.7, 4.3.12 and 4.3.16.

const END = 0x06054b50;
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;
const ENTRY = 0x02014b50;
const ENTRY_BYTES = 46;
const HEADER_BYTES = 30;
const STORED = 0;
const DEFLATED = 8;

/** Return how to read each file: name → function that returns a promise of a blob. */
export async function filesOf(archive) {
  const tail = await viewOf(archive.slice(-(END_BYTES + LONGEST_COMMENT)));
  let end = tail.byteLength - END_BYTES;
  while (end >= 0 && tail.getUint32(end, true) !== END) end -= 1;
  const files = new Map();
  if (end < 0) return files;
  const [size, start] = [tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  const directory = await viewOf(archive.slice(start, start + size));
  const text = new TextDecoder();
  let at = 0;
  while (at + ENTRY_BYTES <= directory.byteLength && directory.getUint32(at, true) === ENTRY) {
    const [name, extra, comment] = [28, 30, 32].map((offset) => directory.getUint16(at + offset, true));
    const entry = {
      method: directory.getUint16(at + 10, true),
      bytes: directory.getUint32(at + 20, true),
      header: directory.getUint32(at + 42, true),
    };
    files.set(text.decode(new Uint8Array(directory.buffer, at + ENTRY_BYTES, name)), () => unpacked(archive, entry));
    at += ENTRY_BYTES + name + extra + comment;
  }
  return files;
}

async function unpacked(archive, { method, bytes, header }) {
  const head = await viewOf(archive.slice(header, header + HEADER_BYTES));
  const start = header + HEADER_BYTES + head.getUint16(26, true) + head.getUint16(28, true);
  const packed = archive.slice(start, start + bytes);
  if (method === STORED) return packed;
  if (method !== DEFLATED) throw new Error(`no method ${method}`);
  return new Response(packed.stream().pipeThrough(new DecompressionStream("deflate-raw"))).blob();
}

const viewOf = async (blob) => new DataView(await blob.arrayBuffer());
