// The nonce of this answer's Content-Security-Policy: what adds styles at run time has to show it.
export const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
