/** What invented people, places and purchases are made of. */
export const FIRST_NAMES = [
  "Ada", "Amara", "Anton", "Beatriz", "Bram", "Carmen", "Chidi", "Clara", "Dmitri", "Elif",
  "Emil", "Fatima", "Finn", "Greta", "Hana", "Hugo", "Imani", "Ines", "Jonas", "Kaito",
  "Leila", "Liam", "Mara", "Mateo", "Nadia", "Noah", "Olga", "Omar", "Petra", "Quentin",
  "Ravi", "Rosa", "Samir", "Sofia", "Tariq", "Thea", "Uma", "Viktor", "Wanda", "Yusuf",
] as const;

export const LAST_NAMES = [
  "Abbott", "Almeida", "Bakker", "Bauer", "Castillo", "Chen", "Dubois", "Eriksen", "Farouk",
  "Fischer", "Gallo", "Haddad", "Hoffmann", "Ibarra", "Jansen", "Kowalski", "Kruger", "Lindholm",
  "Marchetti", "Mbeki", "Moreau", "Nakamura", "Novak", "Oduya", "Olsen", "Pereira", "Quist",
  "Rahman", "Romero", "Sato", "Schwarz", "Silva", "Tanaka", "Thorne", "Ueda", "Varga", "Weiss",
  "Winter", "Yilmaz", "Zeller",
] as const;

export const PLACES = [
  { city: "Aachen", postcode: "52062", country: "DE" },
  { city: "Bremen", postcode: "28195", country: "DE" },
  { city: "Dresden", postcode: "01067", country: "DE" },
  { city: "Freiburg", postcode: "79098", country: "DE" },
  { city: "Ghent", postcode: "9000", country: "BE" },
  { city: "Graz", postcode: "8010", country: "AT" },
  { city: "Groningen", postcode: "9711", country: "NL" },
  { city: "Lyon", postcode: "69001", country: "FR" },
  { city: "Utrecht", postcode: "3511", country: "NL" },
  { city: "Zurich", postcode: "8001", country: "CH" },
] as const;

export const STREETS = [
  "Ahornweg", "Birkenallee", "Canal Street", "Gartenstrasse", "Harbour Road", "Kastanienweg",
  "Lindenhof", "Marktplatz", "Mill Lane", "Rue des Tilleuls", "Seestrasse", "Willow Row",
] as const;

export const PLANS = ["starter", "team", "business"] as const;

/** Domains that RFC 2606 reserves: mail to them reaches nobody. */
export const MAIL_DOMAINS = ["example.com", "example.net", "example.org"] as const;

export const PRODUCTS = [
  { description: "Seat, monthly", unitCents: 1_900 },
  { description: "Storage, 100 GB", unitCents: 900 },
  { description: "Priority support, monthly", unitCents: 9_900 },
  { description: "Onboarding workshop", unitCents: 48_000 },
  { description: "Data export", unitCents: 2_500 },
  { description: "Extra environment", unitCents: 4_900 },
] as const;
