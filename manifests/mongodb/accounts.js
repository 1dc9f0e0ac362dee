// Creates the accounts, or updates their passwords and roles. Passwords come from environment variables, because arguments
// are visible in the process list.
const admin = db.getSiblingDB("admin");

function account(user, variable, roles) {
    const pwd = process.env[variable];
    if (!pwd) throw new Error(`${variable} is missing in mongodb-secret`);
    if (admin.getUser(user)) {
        admin.updateUser(user, {pwd, roles});
        print(`Account ${user}: updated`);
    } else {
        admin.createUser({user, pwd, roles});
        print(`Account ${user}: created`);
    }
}

const writes = (name) => ({role: "readWrite", db: name});
account(process.env.MONGO_INITDB_ROOT_USERNAME, "MONGO_INITDB_ROOT_PASSWORD", [{role: "root", db: "admin"}]);
// The database limits contains the counters of the gateway's rate limits.
account("gateway", "MONGODB_GATEWAY_PASSWORD", [writes("videos"), writes("mp3s"), writes("limits")]);
account("converter", "MONGODB_CONVERTER_PASSWORD", [writes("videos"), writes("mp3s")]);
account("summary", "MONGODB_SUMMARY_PASSWORD", [writes("videos"), {role: "read", db: "mp3s"}]);
account("notification", "MONGODB_NOTIFICATION_PASSWORD", [writes("videos")]);
