// Unsigned tokens: the page reads only their claims.
const encode = (value: object) => btoa(JSON.stringify(value)).replaceAll("=", "");

export const token = (username: string, iat = 1): string => `${encode({ alg: "none" })}.${encode({ username, iat })}.`;
