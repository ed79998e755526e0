/** `/tickets/{id}`: each segment is literal text, or null for exactly one segment of any text. */
export type PathTemplate = readonly (string | null)[];

/** pchar of RFC 3986, percent signs included; nothing a server could read as something else. */
const SEGMENT = /^[A-Za-z0-9\-._~!$&'()*+,;=:@%]+$/;
const QUERY = /^[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*$/;
const PARAMETER = /^\{[A-Za-z][A-Za-z0-9_]*\}$/;
const PERCENT = /%(?![0-9A-Fa-f]{2})/;
/** Slash, backslash, NUL and other controls: what a segment must not turn into when decoded. */
// oxlint-disable-next-line no-control-regex
const SEPARATORS = /[/\\\x00-\x1f\x7f]/;
/** The same, or a dot, encoded once more, for a service that decodes twice. */
const TWICE = /%(?:2e|2f|5c|0[0-9a-d])/i;

export function parseTemplate(text: string): PathTemplate | null {
  const segments = split(text);
  if (segments === null) return null;
  const template: (string | null)[] = [];
  for (const segment of segments) {
    if (PARAMETER.test(segment)) template.push(null);
    else if (isSafeSegment(segment)) template.push(segment);
    else return null;
  }
  return template;
}

/**
 * On the raw path, segment by segment, without any normalising: what is compared here is what is
 * sent. A path that a server might read differently (dot segments, encoded slashes, empty or
 * parameterised segments) matches nothing.
 */
export function matchesPath(templates: readonly PathTemplate[], path: string): boolean {
  const segments = split(path);
  if (segments === null || !segments.every(isSafeSegment)) return false;
  return templates.some(
    (template) =>
      template.length === segments.length &&
      template.every((expected, at) => expected === null || expected === segments[at]),
  );
}

export function isSafeQuery(query: string): boolean {
  return QUERY.test(query) && !PERCENT.test(query);
}

function split(path: string): readonly string[] | null {
  if (!path.startsWith("/")) return null;
  return path === "/" ? [] : path.slice(1).split("/");
}

function isSafeSegment(segment: string): boolean {
  if (!SEGMENT.test(segment) || PERCENT.test(segment)) return false;
  let decoded: string;
  try {
    decoded = decodeURIComponent(segment);
  } catch {
    return false;
  }
  if (SEPARATORS.test(decoded) || TWICE.test(decoded)) return false;
  // `..;x` is `..` to servers that know path parameters.
  const [name] = decoded.split(";", 1);
  return name !== "" && name !== "." && name !== "..";
}
