
"use strict";
const at = (id) => document.getElementById(id);
const token = location.hash.slice(1);
const plane = location.pathname.startsWith("/admin/") ? "admin" : "api";

const refuse = (problem) => {
  const fields = (problem.errors || []).map((error) => `${error.pointer.slice(1)} ${error.detail}`);
  const unknown = "This link is not open: it was used, has expired, or a newer one was sent.";
  const text = problem.status === 404 ? unknown : fields.join("; ") || problem.detail || problem.title;
  at("problem").textContent = text;
  at("problem").hidden = false;
};

const set = async () => {
  const password = at("password").value;
  if (password !== at("again").value) return refuse({ title: "The two passwords are not the same." });
  const answer = await fetch(`/${plane}/auth/password/reset`, {
    method: "POST",
    credentials: "omit",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token, password }),
  });
  if (!answer.ok) return refuse(await answer.json());
  history.replaceState(null, "", location.pathname);
  at("form").hidden = true;
  at("done").hidden = false;
};

at("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  at("problem").hidden = true;
  at("set").disabled = true;
  try {
    await set();
  } catch {
    refuse({ title: "The service cannot be reached. Try again." });
  }
  at("set").disabled = false;
});
at(token ? "form" : "missing").hidden = false;
