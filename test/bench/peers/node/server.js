// SPDX-License-Identifier: Apache-2.0

// SCIMMY with its own routers, users in memory: `node server.js PORT`. Users are found by
// id and by userName in maps.
import {randomUUID} from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const users = new Map();
const byUserName = new Map();

function store(resource, instance) {
  const now = new Date().toISOString();
  const before = resource.id ? users.get(resource.id) : undefined;
  if (resource.id && !before) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
  const key = instance.userName.toLowerCase();
  const holder = byUserName.get(key);
  if (holder && holder !== before) throw new SCIMMY.Types.Error(409, "uniqueness", "userName is taken");
  const user = {
    ...JSON.parse(JSON.stringify(instance)),
    id: before?.id ?? randomUUID(),
    meta: {created: before?.meta.created ?? now, lastModified: now},
  };
  if (before) byUserName.delete(before.userName.toLowerCase());
  users.set(user.id, user);
  byUserName.set(key, user);
  return user;
}

function find(resource) {
  if (resource.id) {
    const user = users.get(resource.id);
    if (!user) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
    return user;
  }
  // What the filter asks of userName comes parsed.
  const [comparator, value] = resource.filter?.length === 1 ? resource.filter[0].userName ?? [] : [];
  if (comparator === "eq") {
    const user = byUserName.get(value.toLowerCase());
    return user ? [user] : [];
  }
  return resource.filter ? resource.filter.match([...users.values()]) : [...users.values()];
}

SCIMMY.Resources.declare(SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser), {
  egress: find,
  ingress: store,
  degress: (resource) => {
    const user = find(resource);
    users.delete(user.id);
    byUserName.delete(user.userName.toLowerCase());
  },
});

const app = express();
app.use("/scim/v2", new SCIMMYRouters({
  type: "bearer",
  handler: (request) => {
    if (request.header("Authorization") !== `Bearer ${process.env.BENCH_TOKEN}`) throw new Error("not this token");
    return "bench";
  },
}));
app.listen(Number(process.argv[2]), "127.0.0.1");
