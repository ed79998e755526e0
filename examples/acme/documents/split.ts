/** One part of a Markdown file: from one heading to the next. */
export interface Section {
  /** As a link to it would say, unique within the file. */
  readonly anchor: string;
  readonly heading: string;
  readonly text: string;
}

const HEADING = /^(#{1,3})\s+(.+?)\s*#*$/;
const FENCE = /^\s*(?:```|~~~)/;
/** Badges, raw HTML and the targets of links are noise to whoever searches. */
const NOISE: readonly (readonly [RegExp, string])[] = [
  [/<!--[\s\S]*?-->/g, " "],
  [/!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])/g, " "],
  [/\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/g, "$1"],
  [/<\/?[a-zA-Z][^>]*>/g, " "],
  [/^\[[^\]]+\]:\s.*$/gm, " "],
  [/[ \t]+/g, " "],
  [/\n{3,}/g, "\n\n"],
];

/** A heading inside of a code block is a comment of a shell script. */
export function split(markdown: string, maxChars: number): readonly Section[] {
  const sections: { heading: string; lines: string[] }[] = [];
  let fenced = false;
  for (const line of markdown.split(/\r?\n/)) {
    if (FENCE.test(line)) fenced = !fenced;
    const heading = fenced ? undefined : HEADING.exec(line)?.[2];
    if (heading !== undefined) sections.push({ heading: clean(heading), lines: [] });
    else sections.at(-1)?.lines.push(line);
  }
  const anchors = new Map<string, number>();
  return sections.flatMap(({ heading, lines }) => {
    const text = clean(lines.join("\n")).slice(0, maxChars);
    if (text === "" || heading === "") return [];
    const base = anchorOf(heading);
    const earlier = anchors.get(base) ?? 0;
    anchors.set(base, earlier + 1);
    return [{ anchor: earlier === 0 ? base : `${base}-${earlier}`, heading, text }];
  });
}

function clean(text: string): string {
  return NOISE.reduce((cleaned, [noise, instead]) => cleaned.replace(noise, instead), text).trim();
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .trim()
    .replaceAll(/\s+/g, "-");
}
