
"use strict";
const at = (id) => document.getElementById(id);
const token = location.hash.slice(1);
let sent = { text: "", key: "" };

// The same request keeps its key, so that sending it again after a broken connection gets the same answer.
const keyOf = (text) => {
  if (text !== sent.text) {
    const random = crypto.getRandomValues(new Uint8Array(16));
    sent = { text, key: Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("") };
  }
  return sent.key;
};

const refuse = (problem) => {
  const fields = (problem.errors || []).map((error) => `${error.pointer.slice(1)} ${error.detail}`);
  const unknown = "This invitation is not open: it was used, has expired, or a newer one was sent.";
  const text = problem.status === 404 ? unknown : fields.join("; ") || problem.detail || problem.title;
  at("problem").textContent = text;
  at("problem").hidden = false;
};

const welcome = ({ user, apiKey }) => {
  history.replaceState(null, "", location.pathname);
  at("form").hidden = true;
  at("who").textContent = user.name;
  at("key").textContent = apiKey.key;
  at("try").textContent = `curl -H "Authorization: Bearer ${apiKey.key}" ${location.origin}/api/me`;
  at("accepted").hidden = false;
};

const accept = async () => {
  const wanted = { token };
  if (at("name").value.trim()) wanted.name = at("name").value.trim();
  if (at("password").value) wanted.password = at("password").value;
  const text = JSON.stringify(wanted);
  const answer = await fetch("/api/invitations/accept", {
    method: "POST",
    credentials: "omit",
    headers: { "Content-Type": "application/json", "Idempotency-Key": keyOf(text) },
    body: text,
  });
  const result = await answer.json();
  if (answer.ok) welcome(result); else refuse(result);
};

at("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  at("problem").hidden = true;
  at("accept").disabled = true;
  try {
    await accept();
  } catch {
    refuse({ title: "The service cannot be reached. Try again." });
  }
  at("accept").disabled = false;
});
at("copy").addEventListener("click", () => {
  getSelection().selectAllChildren(at("key"));
  if (navigator.clipboard) navigator.clipboard.writeText(at("key").textContent);
});
at(token ? "form" : "missing").hidden = false;
