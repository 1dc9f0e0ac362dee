"""Who needs to reach whom, as the services' settings say: AUTH_SVC_ADDRESS, MYSQL_…, MONGO_URI, RABBITMQ_…, SMTP_…"""

SERVERS = ("mysql", "mongodb", "rabbitmq", "mailpit")
_OF_MONGODB_AND_RABBITMQ = ("gateway", "housekeeping", "converter", "notification", "summary")

# Source, target and port, with all servers in the cluster.
INSIDE = {
    ("gateway", "auth", 5000),
    ("gateway", "summary", 5002),
    ("housekeeping", "auth", 5000),
    ("summary", "auth", 5000),
    ("auth", "mysql", 3306),
    ("auth-migrations", "mysql", 3306),
    ("gateway-migrations", "mongodb", 27017),
    ("backup", "mysql", 3306),
    ("backup", "mongodb", 27017),
    ("notification", "mailpit", 1025),
    # The members of the replica set.
    ("mongodb", "mongodb", 27017),
    *((service, "mongodb", 27017) for service in _OF_MONGODB_AND_RABBITMQ),
    *((service, "rabbitmq", 5672) for service in _OF_MONGODB_AND_RABBITMQ),
}
OUTSIDE = {("notification", port) for port in (25, 465, 587, 2525)} | {("summary", 443), ("backup", 443)}
# With MySQL and MongoDB elsewhere.
EXTERNAL = OUTSIDE | {
    ("auth", 3306),
    ("auth-migrations", 3306),
    ("backup", 3306),
    ("backup", 27017),
    ("gateway-migrations", 27017),
    *((service, 27017) for service in _OF_MONGODB_AND_RABBITMQ),
}
