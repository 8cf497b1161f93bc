import type { CommandTexts } from "./command-texts.ts";

export const englishCommands: CommandTexts = {
  commands: {
    start: "say hello",
    help: "what I can do",
    new: "start a new talk",
    stop: "stop the running answer",
    status: "what is going on",
    sessions: "earlier talks of this chat",
    agent: "choose who answers",
    model: "choose the model of this talk",
    mode: "what a message does while I answer",
    title: "name this talk",
    compact: "sum up the talk so far",
    memory: "what is remembered of you",
    forget: "have some of that forgotten, or with “me” all of you",
    usage: "what was used",
    trace: "what to tell an operator of the last answer",
    web: "open your talks in a browser (in private)",
    link: "link this with another account of yours (in private)",
    unlink: "undo that link",
  },
  unknownCommand: (sign) => `I do not know that command. ${sign}help lists those I know.`,
  hello: (agent, help) => `Hello! I am **${agent}**. Write to me, and I answer here.\n\n${help}`,
  noTalk: "No talk is open here yet. Write to me (in a group by my name), and one begins.",
  noTalkInThreads: "No talk is open here. Where every talk is a thread, a new message begins a new one.",
  notThere:
    "I am not there, so I cannot answer there. Invite me to this channel and ask again, or write to me directly.",
  newTalk: (sign) => `A new talk begins; I remember nothing of the old one here. ${sign}sessions brings it back.`,
  nothingRuns: "Nothing is running.",
  answering: "I am answering.",
  answerStopped: "The running answer was stopped.",
  withdrawn: (count) => `${messages(count)} that waited will not be answered.`,
  waiting: (count) => `${messages(count)} ${count === 1 ? "waits" : "wait"}.`,
  untitled: "New talk",
  statusOf: (title, agent, count) => `**${title}** with ${agent || "an agent"}, ${messages(count)} so far.`,
  thisOne: "← this one",
  openOne: (sign) => `Open one with ${sign}sessions and its number, for example ${sign}sessions 2.`,
  noSuchTalk: (sign) => `There is no talk of that number here. ${sign}sessions lists them.`,
  openAlready: "That talk is open already.",
  goOnWith: (title) => `We go on with **${title}**.`,
  chooseAgent: (sign) => `Choose one with ${sign}agent and its number or name, for example ${sign}agent 2.`,
  noSuchAgent: (sign) => `There is no such agent. ${sign}agent lists them.`,
  agentChosen: (agent) => `From now on **${agent}** answers here.`,
  modes: {
    interrupt: "your message ends the answer, and I answer anew",
    steer: "your message joins the answer as soon as it can",
    queue: "your message waits until the answer is done",
    parallel: "your message is answered at the same time",
    reject: "I take no message until the answer is done",
  },
  chooseMode: (sign) =>
    `Choose one with ${sign}mode and its name; ${sign}mode default goes back to what was set for me.`,
  noSuchMode: (sign) => `There is no such mode. ${sign}mode lists them.`,
  modeCleared: "I go by what was set for me again.",
  titleIs: (title, sign) => `This talk is called **${title}**. Rename it with ${sign}title and the new name.`,
  titleSet: (title) => `This talk is called **${title}** now.`,
  traceOf: (trace, run) =>
    `The last answer here has the trace \`${trace}\` (run \`${run}\`). With it an operator finds what happened.`,
  noTrace: "There is no answer here yet.",
  summingUp: "I am summing up this talk.",
  nothingToSumUp: "There is nothing to sum up yet.",
  notSummedUp: "This talk could not be summed up. It goes on as before.",
  summedUp: (count, before, after) =>
    `I summed up ${messages(count)}: about ${before} tokens are ${after} now. Nothing was deleted.`,
  stranger: (code) =>
    `I do not know you yet. Ask the operator of this bot to approve this code within an hour: \`${code}\``,
  strangerToList: (id) => `I do not know you yet. Ask the operator of this bot to put you on its list, as \`${id}\`.`,
};

function messages(count: number): string {
  return count === 1 ? "1 message" : `${count} messages`;
}
