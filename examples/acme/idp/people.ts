/** Everyone who can sign in at Acme. The password is not checked: this provider is for examples. */
export interface Person {
  readonly name: string;
  readonly email: string;
  readonly groups: readonly string[];
}

export const PEOPLE: { readonly [login: string]: Person } = {
  dana: { name: "Dana Reyes", email: "dana@acme.example", groups: ["support"] },
  erin: { name: "Erin Falk", email: "erin@acme.example", groups: ["billing-admins"] },
  olga: { name: "Olga Brandt", email: "olga@acme.example", groups: ["operations"] },
  mallory: { name: "Mallory Kray", email: "mallory@acme.example", groups: [] },
};

export function personOf(login: string): Person | undefined {
  return Object.hasOwn(PEOPLE, login) ? PEOPLE[login] : undefined;
}
