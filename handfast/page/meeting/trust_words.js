// Texts about who somebody is, in words for the user of a room's page.

/** Says in a line who somebody is, and by what: a mood and a text. */
export function verdict(participant, problem) {
  const { trust, phrase, distrusted } = participant;
  if (distrusted) return ["bad", "The phrase does not match"];
  if (trust.changed) return ["bad", "Another key than before"];
  if (trust.level === "phrase") return ["good", "Checked: you have compared the phrase"];
  if (trust.level === "known") return ["quiet", "The key that you have accepted"];
  if (phrase) return ["busy", "Not checked: compare the phrase"];
  return ["quiet", problem ? "Cannot be checked" : "Not checked"];
}

/** Says how two people compare. */
export function howToCompare(name) {
  return `Read this to each other. ${name} sees the same, unless somebody sits between you and listens.`;
}

/** Says why there is no phrase. */
export function whyNoPhrase(name) {
  if (!isSecureContext) return "Phrases to compare need https: on this page nothing but the server says who somebody is.";
  return `${name} makes no phrase to compare: nothing but the server says who it is.`;
}

/** Says what it means when two phrases differ. */
export function mismatch(name) {
  return `Somebody may sit between you and ${name}, and hear and see what you send. Nothing passes between you now. Leave the room, and call by another way; or compare once more, if one of you has read a wrong line.`;
}

/** Says that somebody shows another certificate than before. */
export function changedKey(name, { confirmed, since }) {
  const how = confirmed ? "whose phrase you have compared" : "that you have accepted";
  const when = since ? ` on ${new Date(since).toLocaleDateString(undefined, { dateStyle: "long" })}` : "";
  return `Whoever joins as ${name} here has another key than the one ${how}${when}. It may be ${name} with another browser or a new key, or somebody else. Nothing passes between you until you decide.`;
}

/** Of a page that nothing is kept for. */
export const NOT_KEPT =
  "This browser keeps nothing for this page, by its settings or in a private window: after a reload you do not know each other again.";

/** Of somebody who could not be remembered. */
export const NOT_REMEMBERED = "The browser could not keep it: after a reload you do not know each other again.";
