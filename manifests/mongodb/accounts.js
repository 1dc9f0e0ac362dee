// Creates the accounts and their roles, or updates them and the passwords. All values come from environment variables,
// because arguments are visible in the process list.
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

// What a service may do: "database.collection" of roles.json, or "database." for all collections, and the actions.
function role(name, rights) {
    const privileges = Object.entries(rights).map(([place, actions]) => {
        const [name, ...collection] = place.split(".");
        return {resource: {db: name, collection: collection.join(".")}, actions};
    });
    if (admin.getRole(name)) admin.updateRole(name, {privileges, roles: []});
    else admin.createRole({role: name, privileges, roles: []});
    return {role: name, db: "admin"};
}

account(process.env.MONGO_INITDB_ROOT_USERNAME, "MONGO_INITDB_ROOT_PASSWORD", [{role: "root", db: "admin"}]);
for (const [service, rights] of Object.entries(JSON.parse(process.env.MONGODB_ROLES))) {
    account(service, `MONGODB_${service.toUpperCase()}_PASSWORD`, [role(`video2mp3-${service}`, rights)]);
}
// A restore deletes and creates collections.
const writes = (name) => ({role: "readWrite", db: name});
account("backup", "MONGODB_BACKUP_PASSWORD", [writes("videos"), writes("mp3s")]);
