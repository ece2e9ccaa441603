"""Traffic on the loopback interface for a while: one connection that stays, and one after the other that does not."""

import socket
import threading
import time

PORT, LASTS_S, EVERY_S = 8080, 60, 0.3


def serve(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection):
    with connection:
        try:
            while connection.recv(65536):
                connection.sendall(b"pong\n")
        except OSError:
            pass


def connect():
    return socket.create_connection(("127.0.0.1", PORT))


with socket.create_server(("127.0.0.1", PORT)) as server:
    threading.Thread(target=serve, args=(server,), daemon=True).start()
    time.sleep(1)
    end = time.monotonic() + LASTS_S
    with connect() as stays:
        while time.monotonic() < end:
            stays.sendall(b"ping\n")
            stays.recv(100)
            with connect() as one:
                one.sendall(b"hello\n")
                one.recv(100)
            time.sleep(EVERY_S)
