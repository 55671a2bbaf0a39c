// The API key: kept in this tab alone, and only in memory where the browser has no place for it.

const forget = document.getElementById("forget");

export const key = {
  value: "",
  set(value) {
    this.value = value;
    forget.hidden = !value;
    try {
      if (value) sessionStorage.setItem("api-key", value);
      else sessionStorage.removeItem("api-key");
    } catch { /* memory has it */ }
  },
};

try { key.value = sessionStorage.getItem("api-key") ?? ""; } catch { /* none yet */ }
forget.hidden = !key.value;
forget.addEventListener("click", () => key.set(""));
