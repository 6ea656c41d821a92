#!/usr/bin/env python3
"""A stand-in for the daemon in the runner's own tests: copies bytes, one server connection for
each client connection, and knows nothing of the protocol."""

import configparser
import os
import re
import signal
import socket
import sys
import threading


def copy(source, target):
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            target.sendall(data)
    except OSError:
        pass
    for sock in (source, target):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, server_port):
    # The runner looks whether the port is open: no server connection before the first byte.
    if not client.recv(1, socket.MSG_PEEK):
        client.close()
        return
    server = socket.create_connection(("127.0.0.1", server_port))
    threading.Thread(target=copy, args=(client, server), daemon=True).start()
    copy(server, client)


def main():
    signal.signal(signal.SIGQUIT, lambda *_: os._exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ini = configparser.RawConfigParser()
    ini.read(sys.argv[1])
    server_port = int(re.search(r"port=(\d+)", ini["databases"]["db"])[1])
    listener = socket.create_server(("127.0.0.1", int(ini["pgcarwash"]["listen_port"])))
    print("relay is ready", flush=True)
    while True:
        client = listener.accept()[0]
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(client, server_port), daemon=True).start()


if __name__ == "__main__":
    main()
