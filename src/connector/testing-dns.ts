import { isIP } from "node:net";

const A = 1;
const AAAA = 28;

/** The answer to one question of RFC 1035 §4: just enough of a name server to lie with. */
export function dnsAnswer(question: Buffer, lookup: (name: string) => readonly string[]): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
    labels.push(question.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = question.readUInt16BE(at + 1);
  const end = at + 5;
  const family = type === A ? 4 : type === AAAA ? 6 : 0;
  const found = lookup(labels.join(".").toLowerCase()).filter((one) => isIP(one) === family);
  const head = Buffer.from(question.subarray(0, 12));
  // A response, recursion available, no error.
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(found.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([
    head,
    question.subarray(12, end),
    ...found.map((one) => record(type, one)),
  ]);
}

function record(type: number, address: string): Buffer {
  const data = type === A ? Buffer.from(address.split(".").map(Number)) : bytes6(address);
  const fixed = Buffer.alloc(12);
  // The name of the question, once more; class IN; not to be remembered.
  fixed.writeUInt16BE(0xc00c, 0);
  fixed.writeUInt16BE(type, 2);
  fixed.writeUInt16BE(1, 4);
  fixed.writeUInt16BE(data.length, 10);
  return Buffer.concat([fixed, data]);
}

function bytes6(address: string): Buffer {
  const [head = "", tail] = address.split("::");
  const groups = (text: string): string[] => text.split(":").filter((one) => one !== "");
  const [front, back] = [groups(head), groups(tail ?? "")];
  const zeros = Array<string>(8 - front.length - back.length).fill("0");
  const bytes = Buffer.alloc(16);
  [...front, ...zeros, ...back].forEach((group, n) =>
    bytes.writeUInt16BE(parseInt(group, 16), 2 * n),
  );
  return bytes;
}
