// Passkeys: what the browser refuses is said in words, beside the button. The library is silent about it.

(function () {
  const NAMED = "localhost";
  // 127.0.0.1, [::1]: a passkey belongs to a name, and no browser makes one for a number.
  const isNumber = /^[\d.]+$|^\[/.test(location.hostname);
  const isThisMachine = /^127\.|^\[::1\]$/.test(location.hostname);

  function show(words, address) {
    const button = document.querySelector("#mfa_webauthn_add, #passkey_login, #mfa_webauthn_authenticate, #mfa_webauthn_reauthenticate");
    const place = button ? button.closest("form, .actions, p") ?? button : document.querySelector("main").lastElementChild;
    document.getElementById("passkey-refused")?.remove();
    const note = document.createElement("div");
    note.id = "passkey-refused";
    note.className = "note tone-alarm";
    note.setAttribute("role", "alert");
    const said = document.createElement("p");
    said.textContent = words;
    if (address) {
      const link = document.createElement("a");
      link.href = link.textContent = address;
      said.append(" ", link);
    }
    note.append(said);
    place.before(note);
  }

  function notHere() {
    const why = "A passkey cannot be used at this address: it belongs to a name, and this address is a number.";
    if (!isThisMachine) {
      show(`${why} Open the clinic by its name and try again there, or use an authenticator app.`);
      return;
    }
    const named = new URL(location.href);
    named.hostname = NAMED;
    show(`${why} Nothing was changed. Open the same page by name, log in there and try again:`, named.href);
  }

  function told(error) {
    if (isNumber) return notHere();
    if (!window.isSecureContext || !window.PublicKeyCredential) {
      return show("This browser offers no passkeys here: they need an address that begins with https, and a browser that knows them. Nothing was changed. Use an authenticator app, or another browser.");
    }
    if (error.name === "InvalidStateError") return show("This device has a passkey for this account already. Nothing was changed: log in with it, or use another device.");
    if (error.name === "NotAllowedError") return show("The browser or the device stopped it, or nobody answered in time. Nothing was changed: try again, and confirm on the device when it asks.");
    return show(`The browser refused: ${error.message || error.name}. Nothing was changed: try again, or use an authenticator app.`);
  }

  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    told(event.detail.exception);
  });
  document.addEventListener("DOMContentLoaded", () => {
    // Where somebody comes to make one, it is said before they try.
    if (isNumber && document.getElementById("mfa_webauthn_add")) notHere();
  });
})();
