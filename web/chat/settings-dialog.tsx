import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Dialog } from "../kit/dialog.tsx";
import { useStore } from "../kit/store.ts";
import { shownName } from "../kit/shown-name.ts";
import { chooseTheme, readTheme, type Theme } from "../kit/theme.ts";
import { LANGUAGES, texts } from "../texts/texts.ts";
import { type ChatApp, chosenAgent } from "./chat-app.ts";
import { changeSettings, type PageSettings, settings } from "./settings.ts";

export function SettingsDialog({ app, close }: { app: ChatApp; close: () => void }) {
  const said = texts();
  const view = useStore(app.view, (value) => value);
  const { me, agents, language } = view;
  const kept = useStore(settings, (value) => value);
  const [theme, setTheme] = useState(readTheme());
  return (
    <Dialog label={said.settings} closeLabel={said.close} onClose={close} class="settings">
      <div class="dialog-form">
        <Choice
          label={said.agent}
          value={chosenAgent(view) ?? agents[0]?.id ?? ""}
          options={agents.map(({ id }) => [id, id])}
          choose={(agent) => void app.changeMe({ agent })}
        />
        {me && (
          <Choice
            label={said.onBusy}
            value={me.on_busy ?? ""}
            options={[
              ["", said.onBusyDefault],
              ["queue", said.onBusyQueue],
              ["steer", said.onBusySteer],
              ["interrupt", said.onBusyInterrupt],
            ]}
            choose={(policy) => void app.changeMe({ on_busy: policy || null })}
          />
        )}
        <Choice
          label={said.language}
          value={language}
          options={Object.entries(LANGUAGES)}
          choose={(tag) => void app.changeMe({ language: tag })}
        />
        <Choice
          label={said.theme}
          value={theme}
          options={[
            ["system", said.themeSystem],
            ["light", said.themeLight],
            ["dark", said.themeDark],
          ]}
          choose={(name) => {
            chooseTheme(name as Theme);
            setTheme(name as Theme);
          }}
        />
        <Choice
          label={said.sendKey}
          value={kept.sendKey}
          options={[
            ["enter", said.sendEnter],
            ["mod-enter", said.sendModEnter],
          ]}
          choose={(sendKey) => changeSettings({ sendKey: sendKey as PageSettings["sendKey"] })}
        />
        <label class="tick">
          <input
            type="checkbox"
            checked={kept.streaming}
            onChange={(event) => changeSettings({ streaming: event.currentTarget.checked })}
          />
          {said.streaming}
        </label>
        <Group label={said.keys}>
          <p class="quiet">{said.keysText}</p>
        </Group>
        {me && (
          <p>
            {said.signedInAs} <bdi>{shownName(me.name || me.user_id)}</bdi>
            {me.role !== null && ` · ${me.role}`}
          </p>
        )}
        {me?.guest && <p class="quiet">{said.guestLoses}</p>}
        {me && (
          <div class="ask-buttons">
            <button type="button" class="button" onClick={() => void app.signOut(false)}>
              {said.signOut}
            </button>
            <button type="button" class="button" onClick={() => void app.signOut(true)}>
              {said.signOutEverywhere}
            </button>
          </div>
        )}
      </div>
    </Dialog>
  );
}

function Group({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <section>
      <h3>{label}</h3>
      {children}
    </section>
  );
}

function Choice(props: {
  label: string;
  value: string;
  options: readonly (readonly [string, string])[];
  choose: (value: string) => void;
}) {
  const { label, value, options, choose } = props;
  return (
    <label>
      {label}
      <select class="field" value={value} onChange={(event) => choose(event.currentTarget.value)}>
        {options.map(([name, shown]) => (
          <option key={name} value={name}>
            {shown}
          </option>
        ))}
      </select>
    </label>
  );
}
