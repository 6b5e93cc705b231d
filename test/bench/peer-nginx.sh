# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# nginx's stream module as a UDP proxy, twice, in the clear.

nginx_needs() { program nginx >/dev/null && [ -n "$(nginx_module)" ]; }
nginx_version() { LD_LIBRARY_PATH=$LIBRARIES "$(program nginx)" -v 2>&1 | sed 's/nginx version: //'; }
nginx_module() {
	find "$PEERS/usr/lib/nginx/modules" /usr/lib/nginx/modules -name ngx_stream_module.so \
		2>/dev/null | head -n 1
}

nginx_hop() { # a|b NAME PORT TARGET
	mkdir -p "$DIR/$2"
	cat >"$DIR/$2.conf" <<-CONF
		load_module $(nginx_module);
		daemon off;
		user root;
		pid $DIR/$2/pid;
		error_log stderr error;
		worker_processes 1;
		worker_rlimit_nofile 8192;
		events { worker_connections 4096; }
		stream {
			server {
				listen $3 udp rcvbuf=4m sndbuf=4m;
				proxy_pass $4;
				proxy_timeout 10m;
			}
		}
	CONF
	start "$1" "$2" "$(program nginx)" -p "$DIR/$2" -c "$DIR/$2.conf" -e stderr
	await_port "$1" "$3" 5
}

nginx_start() {
	local first second
	first=$(port 220)
	second=$(port 221)
	nginx_hop b nginx2 "$second" "127.0.0.1:$SINK_PORT" &&
		nginx_hop a nginx1 "$first" "$ADDR_B:$second" && TO[nginx]=$first
}
