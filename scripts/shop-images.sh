#!/usr/bin/env bash
# shop-images.sh FOLDER: builds the images of the shop's services in Python, TypeScript and
# Java into build/shop/, without a registry: each has the workstation's own interpreter, or
# a runtime of its JDK, with the libraries that it loads. An image is kept in FOLDER, in
# the cache, by what is in it. build/shop/refs tells their names, as build/images/refs
# does; build/shop/recommendations is the service as it was built, with its source maps.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1 shop=examples/shop out=build/shop
mkdir -p "$folder" "$out"
folder=$(realpath "$folder")
exec 8>"$folder/lock" && flock 8 # stages run side by side
refs=$(mktemp "$out/.refs.XXXXXX")
work=$(mktemp -d "$folder/.work.XXXXXX")
trap 'rm -rf "$work" "$refs"' EXIT

# hash TEXT FILE...: what an image is kept by.
hash() {
  local text=$1
  shift
  (echo "$text"; sha256sum scripts/shop-images.sh "$@") | sha256sum | cut -c1-12
}

# add ROOT PROGRAM...: puts programs' libraries into an image's files, at their own paths.
add_libraries() {
  local root=$1 path
  shift
  for path in $(./scripts/libraries.sh "$@"); do
    case $path in "$root"/*) ;; *) cp -L --parents "$path" "$root/" ;; esac
  done
}

# image SERVICE HASH BUILD ENTRYPOINT...: BUILD puts the image's files into a folder.
image() {
  local service=$1 hash=$2 build=$3 args=() word path began=$SECONDS
  shift 3
  local tar=$folder/$service-$hash.tar ref=shop.example/$service:$hash
  if [ ! -f "$tar" ]; then
    local root=$work/$service
    mkdir -p "$root"
    "$build" "$root"
    for word in "$@"; do args+=(--entrypoint "$word"); done
    for path in "$root"/*; do args+=(--file "$path:/${path##*/}"); done
    bin/devcluster image --ref "$ref" -o "$work/image.tar" --user 1000:1000 --workdir /srv "${args[@]}"
    mv "$work/image.tar" "$tar"
    rm -rf "$root"
    echo "image $ref, $((SECONDS - began)) s (kept in the cache)"
  fi
  touch "$tar" # it is of use
  ln -sfn "$tar" "$out/$service.tar"
  echo "shop.example/$service $ref" >>"$refs"
}

# reviews: the interpreter of the environment in which it is debugged, and what Flask needs.
python=$(./scripts/python.sh "$folder/../python")
eval "$("$python" -c 'import os, sys, sysconfig
print("interpreter=%s stdlib=%s version=%d.%d" % (os.path.realpath(sys.executable), sysconfig.get_path("stdlib"), *sys.version_info[:2]))')"
build_reviews() {
  local lib=$1/usr/local/lib/python$version
  install -D "$interpreter" "$1/usr/local/bin/python3"
  mkdir -p "$lib/site-packages" "$1/srv"
  tar -C "$stdlib" -cf - --exclude=__pycache__ --exclude=./test --exclude=./idlelib --exclude=./tkinter --exclude=./turtledemo \
    --exclude=./lib2to3 --exclude=./ensurepip --exclude='./config-*' --exclude=./site-packages --exclude=./dist-packages . | tar -C "$lib" -xf -
  "$python" -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --target "$lib/site-packages" -r "$shop/reviews/requirements.txt"
  cp "$shop/reviews/app.py" "$1/srv/"
  # What is compiled here is not checked by the files' times, which an image has not.
  "$python" -m compileall -q --invalidation-mode unchecked-hash "$lib" "$1/srv"
  add_libraries "$1" "$1/usr/local/bin/python3" "$lib"/lib-dynload/*.so
}
image reviews "$(hash "$("$python" -VV) $interpreter" "$interpreter" "$shop/reviews/requirements.txt" "$shop/reviews/app.py")" build_reviews \
  /usr/local/bin/python3 -m gunicorn --bind 0.0.0.0:8080 --threads 4 --worker-tmp-dir /dev/shm app:app

# recommendations: the workstation's own Node, the compiled program, and what it needs.
node=$(readlink -f "$(command -v node)")
sources=("$shop"/recommendations/{package.json,package-lock.json,tsconfig.json} "$shop"/recommendations/src/*.ts)
built=$folder/recommendations-$(hash npm "${sources[@]}")
if [ ! -d "$built" ]; then
  cp -r "$shop/recommendations" "$work/built"
  (cd "$work/built" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null && npm run --silent build)
  mv "$work/built" "$built"
fi
ln -sfn "$built" "$out/recommendations"
build_recommendations() {
  mkdir -p "$1/srv"
  cp -r "$built/package.json" "$built/package-lock.json" "$built/dist" "$built/node_modules" "$1/srv/"
  npm --prefix "$1/srv" prune --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
  install -D "$node" "$1/usr/local/bin/node"
  add_libraries "$1" "$node"
}
image recommendations "$(hash "" "$node" "${sources[@]}")" build_recommendations /usr/local/bin/node dist/server.js

# stock: a runtime of the JDK with the modules that it needs.
./scripts/jdk.sh
javac=$(readlink -f "$(command -v javac)")
build_stock() {
  "${javac%/javac}/jlink" --add-modules java.base,java.net.http,jdk.httpserver --strip-java-debug-attributes --no-header-files --no-man-pages --compress 2 --output "$1/opt/java"
  mkdir -p "$1/srv"
  javac -g -d "$1/srv" "$shop"/stock/src/shop/*.java
  add_libraries "$1" "$1/opt/java/bin/java" "$1"/opt/java/lib/*.so "$1"/opt/java/lib/server/libjvm.so
}
image stock "$(hash "$(java -version 2>&1)" "$shop"/stock/src/shop/*.java)" build_stock /opt/java/bin/java -cp /srv -XX:TieredStopAtLevel=1 shop.Stock

# Images that no checkout has used for long.
find "$folder" -maxdepth 1 -name '*.tar' -mtime +30 -delete
chmod 0644 "$refs"
mv "$refs" "$out/refs"
