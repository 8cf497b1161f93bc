/** Whom a provider has sent. `email` is theirs for certain; null = nobody has checked it, or there is none. */
export interface ProvidedPerson {
  subject: string;
  email: string | null;
}

/** The first rule that lets somebody in, as the settings have read it; null = none does. Of mail the case does not count. */
export function signInRuleFor(rules: readonly string[], { subject, email }: ProvidedPerson): string | null {
  const address = email?.toLowerCase() ?? null;
  const at = address?.lastIndexOf("@") ?? -1;
  const mine = ["*", `sub:${subject}`, ...(address !== null && at > 0 ? [address, address.slice(at)] : [])];
  return rules.find((rule) => mine.includes(rule)) ?? null;
}
