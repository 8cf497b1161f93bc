/** What is said of the web page. */
export interface WebTexts {
  webLink(url: string): string;
  /** Nobody has set PUBLIC_URL. */
  webOnlyHere: string;
  webNowhere: string;
  webOff: string;
}

export const englishWeb: WebTexts = {
  webLink: (url) =>
    `Go on with your talks in a browser: ${url}\n\nThis link signs you in once, within 10 minutes. It is yours alone, so give it to nobody.`,
  webOnlyHere: "It opens only on the computer on which I run.",
  webNowhere: "My web page has no address yet. Ask my operator to set `PUBLIC_URL`.",
  webOff: "My web page is switched off.",
};

export const russianWeb: WebTexts = {
  webLink: (url) =>
    `Продолжайте разговоры в браузере: ${url}\n\nПо этой ссылке можно войти один раз, в течение 10 минут. Она только для вас, никому её не давайте.`,
  webOnlyHere: "Она откроется только на компьютере, на котором я работаю.",
  webNowhere: "У моей веб-страницы ещё нет адреса. Попросите оператора задать `PUBLIC_URL`.",
  webOff: "Моя веб-страница отключена.",
};

export const germanWeb: WebTexts = {
  webLink: (url) =>
    `Führe deine Gespräche im Browser weiter: ${url}\n\nDieser Link meldet dich einmal an, innerhalb von 10 Minuten. Er ist nur für dich; gib ihn niemandem.`,
  webOnlyHere: "Er öffnet sich nur auf dem Computer, auf dem ich laufe.",
  webNowhere: "Meine Webseite hat noch keine Adresse. Bitte den Betreiber, `PUBLIC_URL` zu setzen.",
  webOff: "Meine Webseite ist abgeschaltet.",
};

export const chineseWeb: WebTexts = {
  webLink: (url) =>
    `请在浏览器中继续你的对话： ${url}\n\n此链接 10 分钟内有效，只能登录一次。它只属于你，请不要告诉任何人。`,
  webOnlyHere: "它只能在我运行的那台计算机上打开。",
  webNowhere: "我的网页还没有地址。请让管理员设置 `PUBLIC_URL`。",
  webOff: "我的网页已关闭。",
};
