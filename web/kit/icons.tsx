/** Lines of a 20 × 20 field; they have no name of their own, the button around them has. */
const LINES = {
  menu: "M3 6h14M3 10h14M3 14h14",
  plus: "M10 4v12M4 10h12",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.5 13.5 17 17",
  clip: "M15.5 9.500l-5.700 5.700a3.500 3.500 0 0 1-5-5l6-6a2.300 2.300 0 0 1 3.300 3.300l-6 6a1 1 0 0 1-1.500-1.500l5-5",
  close: "M5 5l10 10M15 5 5 15",
  send: "M10 16V4M5 9l5-5 5 5",
  stop: "M6 6h8v8H6z",
  copy: "M7 7h9v9H7zM4 13V4h9",
  check: "M4 10.5l4 4 8-9",
  edit: "M4 16l1-4L13.5 3.5l3 3L8 15zM12 5l3 3",
  again: "M16 10a6 6 0 1 1-2-4.5M16 3v3.5h-3.5",
  up: "M7 9l3-6a2 2 0 0 1 2 2v3h3.5a1.5 1.5 0 0 1 1.5 1.8l-1 5A1.5 1.5 0 0 1 14.500 16H7zM7 9H4v7h3",
  down: "M7 11l3 6a2 2 0 0 0 2-2v-3h3.5a1.5 1.5 0 0 0 1.5-1.800l-1-5A1.500 1.500 0 0 0 14.500 4H7zM7 11H4V4h3",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  below: "M5 8l5 5 5-5",
  trash: "M4 6h12M8 6V4h4v2M6 6l.7 10h6.600L14 6",
  settings: "M4 6h6M14 6h2M4 14h2M10 14h6M12 4v4M8 12v4",
  tool: "M12.500 4a4 4 0 0 0-4 5.300L4 13.800 6.200 16l4.500-4.500A4 4 0 0 0 16 7.500l-2.300 1.500-2-2z",
  trace: "M4 5h7M7 10h7M10 15h6",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  file: "M6 3h6l3 3v11H6zM12 3v3h3",
} as const;

export type IconName = keyof typeof LINES;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <path
        d={LINES[name]}
        fill="none"
        stroke="currentColor"
        stroke-width={name === "more" ? 2.5 : 1.5}
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}

export function IconButton(props: {
  icon: IconName;
  label: string;
  onClick: () => void;
  class?: string;
  pressed?: boolean;
  disabled?: boolean;
}) {
  const { icon, label, onClick, pressed, disabled } = props;
  return (
    <button
      type="button"
      class={`button icon ${props.class ?? ""}`}
      aria-label={label}
      title={label}
      onClick={onClick}
      disabled={disabled}
      {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
    >
      <Icon name={icon} />
    </button>
  );
}
