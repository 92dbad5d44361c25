"""A line to a database that breaks at the worst moment: around the word COMMIT."""

import socket
import threading
from contextlib import suppress
from typing import Literal, Self

Break = Literal["no", "question", "answer", "answer and all after"]


class Line:
    """Passes bytes on between clients and a server on this machine; a context manager.

    `breaks`: "question" cuts a connection before its COMMIT reaches the server, "answer" after the
    server has answered it and before the client hears that; with "answer and all after" nobody gets
    through any more.
    """

    def __init__(self, port: int) -> None:
        self.breaks: Break = "no"
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._is_open = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        self._is_open = False
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while self._is_open:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if not self._is_open:
            client.close()
            return
        server = socket.create_connection(("127.0.0.1", self._server_port))
        hears = threading.Event()
        hears.set()
        threading.Thread(target=self._answers, args=(server, client, hears), daemon=True).start()
        with suppress(OSError):
            while data := client.recv(65536):
                if b"COMMIT\x00" in data and self.breaks != "no":
                    if self.breaks == "answer and all after":
                        self._close()
                    if self.breaks != "question":
                        hears.clear()
                        server.sendall(data)
                        # The server ends the connection when it has done what it was told.
                        server.shutdown(socket.SHUT_WR)
                        hears.wait()
                    self.breaks = "no"
                    break
                server.sendall(data)
        for end in (client, server):
            # Or the other thread, which waits for it, would keep it open.
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _answers(
        self, server: socket.socket, client: socket.socket, hears: threading.Event
    ) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if hears.is_set():
                    client.sendall(data)
        hears.set()
