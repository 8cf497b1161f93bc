import type { ModelTrouble } from "./run-texts.ts";

/** What is said of agents that run elsewhere, or by code of the operator's. */
export interface AgentTexts {
  /** Instead of what is said of models and their providers. */
  agentTroubles: Readonly<Partial<Record<ModelTrouble, string>>>;
  /** While it answers others. */
  agentBusy: string;
  /** So many wait for it that this run was turned away. */
  agentFull: string;
  /** It failed several times in a row and is left alone for a while. */
  agentRests: string;
  /** An operator has switched it off. */
  agentOff: string;
  /** Its code threw, or gave what nobody can read. */
  agentBroken: string;
}

export const englishAgents: AgentTexts = {
  agentTroubles: {
    busy: "The agent is busy.",
    trouble: "The agent's server has trouble at the moment.",
    no_credit: "The agent's budget is used up.",
    bad_key: "The agent's server did not accept the gateway's key.",
    no_access: "The agent's server denies access to this agent.",
    no_model: "The agent's server does not know this agent or address.",
    too_long: "The conversation is too long for the agent.",
    bad_request: "The agent's server did not accept the request.",
    unreachable: "The agent's server cannot be reached.",
    unreadable: "The agent's answer could not be read.",
    broke_off: "The agent's answer broke off.",
    never_began: "The agent did not begin to answer in time.",
    fell_silent: "The agent stopped in the middle of its answer.",
    empty: "The agent gave an empty answer.",
    not_asked: "The agent could not be asked.",
  },
  agentBusy: "⏳ The agent is answering others; it comes to you next.",
  agentFull: "Too many are waiting for this agent.",
  agentRests: "This agent does not answer at the moment.",
  agentOff: "This agent is switched off; please choose another one.",
  agentBroken: "The agent has failed.",
};

export const russianAgents: AgentTexts = {
  agentTroubles: {
    busy: "Агент занят.",
    trouble: "На сервере агента сейчас неполадки.",
    no_credit: "Бюджет агента исчерпан.",
    bad_key: "Сервер агента не принял ключ шлюза.",
    no_access: "Сервер агента не даёт доступа к этому агенту.",
    no_model: "Сервер агента не знает такого агента или такого адреса.",
    too_long: "Разговор слишком длинный для агента.",
    bad_request: "Сервер агента не принял запрос.",
    unreachable: "Сервер агента недоступен.",
    unreadable: "Ответ агента не удалось прочитать.",
    broke_off: "Ответ агента оборвался.",
    never_began: "Агент не начал отвечать вовремя.",
    fell_silent: "Агент замолчал посреди ответа.",
    empty: "Агент дал пустой ответ.",
    not_asked: "Не удалось обратиться к агенту.",
  },
  agentBusy: "⏳ Агент отвечает другим; затем очередь дойдёт до вас.",
  agentFull: "Этого агента ждёт слишком много людей.",
  agentRests: "Этот агент сейчас не отвечает.",
  agentOff: "Этот агент отключён; выберите, пожалуйста, другого.",
  agentBroken: "Агент не справился.",
};

export const germanAgents: AgentTexts = {
  agentTroubles: {
    busy: "Der Agent ist ausgelastet.",
    trouble: "Der Server des Agenten hat gerade Schwierigkeiten.",
    no_credit: "Das Budget des Agenten ist aufgebraucht.",
    bad_key: "Der Server des Agenten hat den Schlüssel des Gateways nicht angenommen.",
    no_access: "Der Server des Agenten verweigert den Zugang zu diesem Agenten.",
    no_model: "Der Server des Agenten kennt diesen Agenten oder diese Adresse nicht.",
    too_long: "Das Gespräch ist zu lang für den Agenten.",
    bad_request: "Der Server des Agenten hat die Anfrage nicht angenommen.",
    unreachable: "Der Server des Agenten ist nicht erreichbar.",
    unreadable: "Die Antwort des Agenten konnte nicht gelesen werden.",
    broke_off: "Die Antwort des Agenten ist abgebrochen.",
    never_began: "Der Agent hat nicht rechtzeitig zu antworten begonnen.",
    fell_silent: "Der Agent hat mitten in seiner Antwort aufgehört.",
    empty: "Der Agent hat eine leere Antwort gegeben.",
    not_asked: "Der Agent konnte nicht gefragt werden.",
  },
  agentBusy: "⏳ Der Agent antwortet gerade anderen; danach bist du dran.",
  agentFull: "Auf diesen Agenten warten zu viele.",
  agentRests: "Dieser Agent antwortet gerade nicht.",
  agentOff: "Dieser Agent ist abgeschaltet; bitte einen anderen wählen.",
  agentBroken: "Der Agent ist gescheitert.",
};

export const chineseAgents: AgentTexts = {
  agentTroubles: {
    busy: "智能体正忙。",
    trouble: "智能体的服务器目前出现故障。",
    no_credit: "智能体的预算已用完。",
    bad_key: "智能体的服务器没有接受网关的密钥。",
    no_access: "智能体的服务器拒绝访问此智能体。",
    no_model: "智能体的服务器找不到此智能体或地址。",
    too_long: "对话太长，超出了智能体的限制。",
    bad_request: "智能体的服务器没有接受请求。",
    unreachable: "无法连接智能体的服务器。",
    unreadable: "无法读取智能体的回答。",
    broke_off: "智能体的回答中断了。",
    never_began: "智能体没有及时开始回答。",
    fell_silent: "智能体在回答途中停住了。",
    empty: "智能体的回答是空的。",
    not_asked: "无法向智能体提问。",
  },
  agentBusy: "⏳ 智能体正在回答其他人，随后就轮到你。",
  agentFull: "等待此智能体的人太多了。",
  agentRests: "此智能体目前没有回应。",
  agentOff: "此智能体已停用，请选择其他智能体。",
  agentBroken: "智能体出错了。",
};
