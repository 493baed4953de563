// Scanning with the device's camera, where the browser can read codes; where it cannot, it says so and what to do.

import { element } from "./nodes.js";
import { openSheet } from "./sheet.js";

const FORMATS = ["ean_13", "ean_8", "upc_a", "upc_e", "itf", "code_128", "code_39", "qr_code", "data_matrix"];
const LOOK_MS = 120;

/** Why this browser cannot scan with its camera; empty when it can. */
export function whyNot() {
  if (!window.isSecureContext) return "The camera works over HTTPS only. Use a scanner, or type the number.";
  if (!("BarcodeDetector" in window)) return "This browser cannot read codes with its camera. Use a scanner, or type the number.";
  if (navigator.mediaDevices?.getUserMedia === undefined) return "This device has no camera that the browser may use.";
  return "";
}

/** Show the camera until it reads a code or is closed; `scanned(text)` gets the code. */
export async function scanWithCamera(scanned) {
  const video = element("video", "camera", { playsinline: "", "aria-label": "What the camera sees" });
  video.muted = true;
  const says = element("p", "sheet-says", { role: "status" }, "Starting the camera …");
  const sheet = openSheet("Hold the code before the camera", says, video);
  let stream = null;
  let open = true;
  sheet.addEventListener("close", () => {
    open = false;
    for (const track of stream?.getTracks() ?? []) track.stop();
  });
  try {
    const known = await window.BarcodeDetector.getSupportedFormats();
    const detector = new window.BarcodeDetector({ formats: FORMATS.filter((format) => known.includes(format)) });
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
    if (!open) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    video.srcObject = stream;
    await video.play();
    says.textContent = "Barcode, QR code or DataMatrix.";
    while (open) {
      const [found] = await detector.detect(video);
      if (found !== undefined && open) {
        navigator.vibrate?.(60);
        sheet.close();
        scanned(found.rawValue);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } catch (error) {
    const denied = error.name === "NotAllowedError";
    says.textContent = denied ? "The browser was not allowed to use the camera. Allow it in the address bar, or type the number." : `The camera does not start: ${error.message}`;
  }
}
