// What administrators and commands have done.
import { Section } from "../account/Section";
import { Acts } from "./Acts";

export function AuditLog() {
  return (
    <Section title="Audit log">
      <Acts />
    </Section>
  );
}
