"""A microphone and a loudspeaker without hardware: a PulseAudio server of its own with null sinks, seen through ALSA.

::

    say() ──pacat──> sink vmic ──monitor──> "mic"  ──PortAudio──> the program
    the program ──PortAudio──> "speaker" = sink vspk ──monitor──> "wire": a microphone that hears just that

Needs ``apt-get install pulseaudio pulseaudio-utils libasound2-plugins libportaudio2``; no root, no sound card.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
PACKAGES = "pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"

_ALSA = """
</usr/share/alsa/alsa.conf>
pcm.mic {{ type pulse server "unix:{socket}" device virtmic }}
pcm.speaker {{ type pulse server "unix:{socket}" device vspk }}
pcm.wire {{ type pulse server "unix:{socket}" device vspk.monitor }}
pcm.taken {{ type pulse server "unix:{socket}" device vtaken }}
pcm.gone {{ type pulse server "unix:{socket}.none" }}
pcm.!default {{ type pulse server "unix:{socket}" }}
"""

# Enough ahead not to stutter on a busy machine; what is said is heard that much later.
_PACAT = [
    "pacat", "--playback", "--device=vmic", "--rate=16000", "--channels=1", "--format=float32le",
    "--latency-msec=200", "--raw",
]  # fmt: skip


def missing() -> str:
    """Why there can be no virtual devices here; empty when there can."""
    for program in ("pulseaudio", "pactl", "pacat", "parec"):
        if shutil.which(program) is None:
            return f"no {program} here: apt-get install -y {PACKAGES}"
    if not any(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        return f"ALSA cannot reach PulseAudio here: apt-get install -y {PACKAGES}"
    try:
        import sounddevice  # noqa: F401
    except OSError as error:
        return f"{error}: apt-get install -y {PACKAGES}"
    return ""


class Sound:
    """The server, for a ``with``: the program sees its devices through `env`, which is put into ``os.environ``."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="voicetrainer-sound-"))
        self._socket = self.folder / "socket"
        (self.folder / "alsa.conf").write_text(_ALSA.format(socket=self._socket), encoding="utf-8")
        self.env = {"ALSA_CONFIG_PATH": str(self.folder / "alsa.conf"), "PULSE_SERVER": f"unix:{self._socket}"}
        self._before = {name: os.environ.get(name) for name in self.env}
        self._sayers: list[subprocess.Popen[bytes]] = []
        self._feeders: list[threading.Thread] = []
        self._groups: list[subprocess.Popen[bytes]] = []
        own = dict(os.environ, HOME=str(self.folder), XDG_RUNTIME_DIR=str(self.folder))
        own.pop("PULSE_SERVER", None)
        self._server = subprocess.Popen(
            [
                "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes",
                "-L", f"module-native-protocol-unix auth-anonymous=1 socket={self._socket}",
                "-L", "module-null-sink sink_name=vmic rate=16000 channels=1",
                "-L", "module-null-sink sink_name=vspk rate=48000 channels=2",
                "-L", "module-remap-source master=vmic.monitor source_name=virtmic",
            ],
            env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def __enter__(self) -> Sound:
        os.environ.update(self.env)
        give_up = time.monotonic() + 10
        while self.pactl("info", check=False) != 0:
            if time.monotonic() > give_up or self._server.poll() is not None:
                self.close()
                raise RuntimeError("the virtual sound system does not start")
            time.sleep(0.05)
        self.pactl("set-default-sink", "vspk")
        self.pactl("set-default-source", "virtmic")
        # While nobody listens closely a null sink works two seconds ahead, as no sound card does.
        self._keep = [
            subprocess.Popen(
                ["parec", f"--device={name}.monitor", "--latency-msec=10", "--raw"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            for name in ("vmic", "vspk")
        ]  # fmt: skip
        return self

    def room(self, level_db: float = -65.0) -> None:
        """From now on the microphone hears a quiet room: noise of some dB relative to full scale (RMS)."""
        noise = np.random.default_rng(1).standard_normal(10 * RATE) * 10 ** (level_db / 20)
        (self.folder / "room").write_bytes(noise.astype("<f4").tobytes())
        loop = f"while :; do cat {self.folder / 'room'}; done | {' '.join(_PACAT)}"
        room = subprocess.Popen(["sh", "-c", loop], start_new_session=True, stderr=subprocess.DEVNULL)
        self._groups.append(room)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End everything that was started here."""
        for group in self._groups:
            os.killpg(group.pid, signal.SIGKILL)
            group.wait()
        for process in (*self._sayers, *getattr(self, "_keep", ()), self._server):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        for feeder in self._feeders:
            feeder.join(5)
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(self.folder, ignore_errors=True)

    def pactl(self, *arguments: str, check: bool = True) -> int:
        """Tell the server something."""
        done = subprocess.run(["pactl", *arguments], capture_output=True, check=check, timeout=10)
        return done.returncode

    def unplug(self) -> None:
        """Everything is gone at once."""
        self._server.kill()
        self._server.wait()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """The whole sound system hangs."""
        self._server.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._server.send_signal(signal.SIGCONT)

    def stall_microphone(self) -> None:
        """The microphone stops sending, without a word."""
        self.pactl("suspend-source", "virtmic", "1")

    def stall_loudspeaker(self) -> None:
        """The loudspeaker stops taking sound, without a word."""
        self.pactl("suspend-sink", "vspk", "1")

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """There is a loudspeaker, "taken", that another program keeps to itself: it sends a film's sound past the
        mixer, and the server answers everybody else "Device or resource busy".
        """
        self.pactl("load-module", "module-null-sink", "sink_name=vtaken", "rate=48000", 'formats="pcm; ac3-iec61937"')
        film = ["pacat", "--playback", "--device=vtaken", "--passthrough", "--rate=48000", "--channels=2", "--raw"]
        other = ["pacat", "--playback", "--device=vtaken", "--raw"]
        with Path("/dev/zero").open("rb") as nothing:
            player = subprocess.Popen(film, stdin=nothing, stderr=subprocess.DEVNULL)
            try:
                give_up, busy = time.monotonic() + 10, 0
                while busy < 2:  # once may be a player that is about to end
                    asked = subprocess.run(other, input=b"", capture_output=True, check=False, timeout=10)
                    if time.monotonic() > give_up:
                        raise RuntimeError("the loudspeaker is not taken")
                    if player.poll() is not None:  # the asking came first, and was in its way
                        player = subprocess.Popen(film, stdin=nothing, stderr=subprocess.DEVNULL)
                    busy = busy + 1 if b"busy" in asked.stderr else 0
                    time.sleep(0.3)
                yield
            finally:
                player.kill()
                player.wait()

    def go_on(self) -> None:
        """Nothing is stalled any more."""
        self.pactl("suspend-sink", "vspk", "0")
        self.pactl("suspend-source", "virtmic", "0")

    def say(self, samples: NDArray[np.float32]) -> None:
        """Play sound into the microphone, shape (n,) at 16 kHz; returns at once."""
        player = subprocess.Popen(_PACAT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._sayers.append(player)
        padded = np.concatenate((np.zeros(RATE // 20, np.float32), samples, np.zeros(RATE // 4, np.float32)))
        # A pipe holds one second; the rest goes as fast as it is played.
        feeder = threading.Thread(target=_feed, args=(player, padded.astype("<f4").tobytes()), daemon=True)
        self._feeders.append(feeder)
        feeder.start()

    def record(self, of: Literal["loudspeaker", "microphone"] = "loudspeaker") -> Recording:
        """Listen to what the loudspeaker plays, or to what the microphone is given, from now on."""
        return Recording("vspk.monitor" if of == "loudspeaker" else "virtmic")


def _feed(player: subprocess.Popen[bytes], data: bytes) -> None:
    assert player.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        player.stdin.write(data)
    with contextlib.suppress(BrokenPipeError):
        player.stdin.close()


class Recording:
    """What a device played, or heard."""

    def __init__(self, source: str) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            ["parec", f"--device={source}", "--rate=16000", "--channels=1", "--format=float32le",
             "--latency-msec=20", "--raw"],
            stdout=self._file, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def stop(self) -> NDArray[np.float32]:
        """What it was so far, shape (n,) at 16 kHz."""
        self._process.terminate()
        self._process.wait()
        self._file.seek(0)
        data = self._file.read()
        self._file.close()
        return np.frombuffer(data[: len(data) // 4 * 4], "<f4").astype(np.float32)
