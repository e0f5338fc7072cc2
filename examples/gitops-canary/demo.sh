#!/usr/bin/env bash
# A canary that commits drive, from the first one to a revert. See README.md. It leaves nothing behind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ -x bin/gateway-cp ] || make build
[ -x bin/shop ] || go build -o bin/shop ./examples/bluegreen/shop

work=$(mktemp -d)
pids=()
end() {
  kill ${pids[@]+"${pids[@]}"} 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

export GIT_AUTHOR_NAME=ada GIT_AUTHOR_EMAIL=ada@example.com GIT_COMMITTER_NAME=ada GIT_COMMITTER_EMAIL=ada@example.com
export GATEWAY_CP_STATE_DIR="$work/state" GATEWAY_CP_ADMIN_SOCKET="$work/admin.sock"

say() { printf '\n=== %s\n' "$*"; }

# await WHAT COMMAND…: until the command succeeds.
await() {
  local what=$1 bound=$((SECONDS + 60))
  shift
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= bound)); then
      echo "not within a minute: $what" >&2
      cat "$work/gateway-cp.log" >&2
      exit 1
    fi
    sleep 0.2
  done
}

status() { bin/gateway-cp rollout status default/shop; }
stands() { status | grep -q "$1"; }
answers() { curl -sSf http://localhost:8080/ | grep -q "^$1 from "; }
commit() { git -C "$work/author" commit -qam "$1" && git -C "$work/author" push -q; }
# to names the version that shall have the traffic.
to() { sed -i.bak "s/^    to: .*/    to: $1/" "$work/author/shop.yaml" && rm "$work/author/shop.yaml.bak"; }

say "a repository, and a checkout of it that follows every commit, as a GitOps tool has it"
git init -q --bare -b main "$work/origin"
git clone -q "$work/origin" "$work/author" 2>/dev/null
cp examples/canary/*.yaml "$work/author"
cp examples/gitops-canary/shop.yaml "$work/author"
git -C "$work/author" add -A
git -C "$work/author" commit -qm "shop: v1"
git -C "$work/author" push -q origin HEAD:main
git clone -q "$work/origin" "$work/deploy"
git -C "$work/author" fetch -q && git -C "$work/author" branch -q --set-upstream-to origin/main
while sleep 0.5; do git -C "$work/deploy" pull -q --ff-only; done &
pids+=($!)

bin/shop v1 127.0.0.1:9001 127.0.0.1:9002 127.0.0.1:9003 &
pids+=($!)
bin/shop v2 127.0.0.1:9011 127.0.0.1:9012 127.0.0.1:9013 &
pids+=($!)
bin/gateway-cp run "$work/deploy" 2>"$work/gateway-cp.log" &
pids+=($!)
await "v1 answers" answers v1
status

say "a commit: to: v2"
to v2
commit "shop: v2"
await "v2 has 5 %" stands "v2 5 %"
status

say "git revert, in the middle: v1 has all traffic again, at once"
git -C "$work/author" revert --no-edit HEAD >/dev/null
git -C "$work/author" push -q
await "v1 has all traffic" stands "Stable.*v1 100 %"
status

say "git revert of the revert: v2 is tried again, and gets all traffic"
git -C "$work/author" revert --no-edit HEAD >/dev/null
git -C "$work/author" push -q
await "v2 is on its way" stands "v2 5 %"
bin/gateway-cp rollout status default/shop --wait --timeout 60s
await "v2 answers" answers v2

say "git revert, afterwards: v1 was kept, so all returns at once, without steps"
git -C "$work/author" revert --no-edit HEAD >/dev/null
git -C "$work/author" push -q
await "v1 has all traffic" stands "v1 100 %"
await "v1 answers" answers v1

say "what happened"
git -C "$work/author" log --format='%h %s'
bin/gateway-cp rollout history default/shop
