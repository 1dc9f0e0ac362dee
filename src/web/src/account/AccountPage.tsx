// What a user sees and changes in the account. Each section is a component of its own.
import { SubPage } from "../shell/SubPage";
import { ApiKeys } from "./ApiKeys";
import { DataExport } from "./DataExport";
import { DeleteAccount } from "./DeleteAccount";
import { Password } from "./Password";
import { Profile } from "./Profile";
import { Sessions } from "./Sessions";
import { Usage } from "./Usage";

export function AccountPage() {
  return (
    <SubPage title="Account">
      <Profile />
      <Usage />
      <Password />
      <Sessions />
      <ApiKeys />
      <DataExport />
      <DeleteAccount />
    </SubPage>
  );
}
