// Logs in as the members of the replica set do to each other, which works before there is an account and after the
// administrator's password has changed; initiates the set once, also with the data of a standalone server; and waits until
// this server is the primary.
db.getSiblingDB("local").auth("__system", process.env.MONGODB_REPLICA_SET_KEY);
try {
    rs.initiate({_id: "video2mp3", members: [{_id: 0, host: `${process.env.HOSTNAME}:27017`}]});
    print("Replica set: initiated");
} catch (error) {
    if (error.codeName !== "AlreadyInitialized") throw error;
}
for (let left = 300; !db.hello().isWritablePrimary; left--) {
    if (left === 0) throw new Error("The replica set has no primary, or this server is not a member of it");
    sleep(200);
}
