/** What is said of models that people may choose. `sign` goes before the word of a command; names are escaped already. */
export interface ModelTexts {
  /** What `default` means. */
  usualModel: string;
  chooseModel(sign: string): string;
  noModels: string;
  noSuchModel(sign: string): string;
  modelChosen(model: string): string;
  modelCleared: string;
}

export const englishModels: ModelTexts = {
  usualModel: "what was set for the agent",
  chooseModel: (sign) => `Choose one for this talk with ${sign}model and its number, for example ${sign}model 2.`,
  noModels: "There are no models to choose from for this agent.",
  noSuchModel: (sign) => `There is no such model. ${sign}model lists them.`,
  modelChosen: (model) => `From now on **${model}** answers in this talk.`,
  modelCleared: "In this talk the agent's usual model answers again.",
};

export const russianModels: ModelTexts = {
  usualModel: "то, что задано для агента",
  chooseModel: (sign) => `Выберите модель для этого разговора: ${sign}model и номер, например ${sign}model 2.`,
  noModels: "Для этого агента нет моделей на выбор.",
  noSuchModel: (sign) => `Такой модели нет. ${sign}model покажет список.`,
  modelChosen: (model) => `Теперь в этом разговоре отвечает **${model}**.`,
  modelCleared: "В этом разговоре снова отвечает обычная модель агента.",
};

export const germanModels: ModelTexts = {
  usualModel: "was für den Agenten eingestellt ist",
  chooseModel: (sign) => `Wähle eines für dieses Gespräch mit ${sign}model und seiner Nummer, etwa ${sign}model 2.`,
  noModels: "Für diesen Agenten stehen keine Modelle zur Wahl.",
  noSuchModel: (sign) => `Dieses Modell gibt es nicht. ${sign}model zeigt, welche es gibt.`,
  modelChosen: (model) => `Ab jetzt antwortet in diesem Gespräch **${model}**.`,
  modelCleared: "In diesem Gespräch antwortet wieder das übliche Modell des Agenten.",
};

export const chineseModels: ModelTexts = {
  usualModel: "智能体原本设定的模型",
  chooseModel: (sign) => `发送 ${sign}model 加编号为此对话选择模型，例如 ${sign}model 2。`,
  noModels: "此智能体没有可选的模型。",
  noSuchModel: (sign) => `没有这个模型。发送 ${sign}model 查看列表。`,
  modelChosen: (model) => `从现在起，此对话由 **${model}** 回答。`,
  modelCleared: "此对话重新由智能体原本的模型回答。",
};
