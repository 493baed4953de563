// The shopper's own place, when they ask for it: the page works without.

const button = document.getElementById("locate");
const said = document.getElementById("locate-said");
const policy = document.permissionsPolicy ?? document.featurePolicy;
const allowed = policy?.allowsFeature?.("geolocation") ?? true;

/** Two decimals are about a kilometre: enough to find a store, and no more of somebody's place than that. */
function show({ coords }) {
  const address = new URL(location.href);
  address.searchParams.set("near", `${coords.latitude.toFixed(2)},${coords.longitude.toFixed(2)}`);
  location.assign(address);
}

function failed() {
  button.disabled = false;
  said.textContent = "Your place is not known to this browser. Choose a store instead.";
}

if (button && navigator.geolocation && allowed && isSecureContext) {
  button.hidden = false;
  button.addEventListener("click", () => {
    button.disabled = true;
    said.textContent = "Looking for your place";
    navigator.geolocation.getCurrentPosition(show, failed, { timeout: 15000, maximumAge: 600000 });
  });
}
