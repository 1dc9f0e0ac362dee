// The nonce of the page's Content-Security-Policy, required for styles that are added at run time.
export const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
