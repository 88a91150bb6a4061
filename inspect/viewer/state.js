/* The store of the viewer: what is shown and selected, and who wants to know when that changes. Every other file of
 * this folder adds to the one global `vitc` and is loaded behind this one, in the order of files.txt.
 *
 * A ref names something of the page, {kind, id}:
 *   value   id: number of a value (%123)          group   id: module path ("student.blocks")
 *   kernel  id: index of a kernel, from 0          source  id: index in the model's sources (an input or a state)
 *   line    id: "FILE:LINE", FILE an index of the model's files
 *   pass    id: index of a stage                     op      id: index in the model's ops
 * Paths of the update's groups begin with "update:". Kernels are counted from 1 where people read their number.
 *
 * Events, with what their listeners get:
 *   "ready" (model)         the page has read its data; panels are mounted right behind
 *   "select" (ref, from)    something was selected; null: nothing is. `from` is the word that the caller of select gave
 *   "hover" (ref, from)     the pointer, or the focus, is on something; null: no longer
 *   "stage" (i, before)     another stage is shown
 *   "expand" ()             groups were opened or closed
 *   "view" ()               lane, places, whether idle passes are listed, or edges changed
 *   "theme" (name)          "dark" or "light": whoever draws on a canvas does so again
 *
 * Panels. A file calls, while it is loaded,
 *   vitc.panel(name, {title, region, mount(element, model), show(ref), stage(i), resize()})
 * with region "left", "right" or "bottom" (regions of page.html; several panels of one region become tabs in the order
 * in which they were registered). mount is called once, after "ready", with an empty <div class="panel">; show
 * whenever the selection changes and the panel is visible, and when it becomes visible; stage likewise with the stage
 * that is shown; resize when its size changed. All but title, region and mount may be left out. A panel selects by
 * vitc.select(ref, name) and hovers by vitc.hover(ref, name); vitc.reveal(ref) also moves the graph to it.
 * vitc.showPanel(name) brings it to the front. */
'use strict';

var vitc = {};

vitc.state = {
    model: null,
    stage: 0,
    selected: null,
    hovered: null,
    lane: 'side',      /* forward and gradient "side" by side, or "overlay" */
    places: 'packed',  /* "stable": what is not in the stage shown leaves its place free */
    idle: false,       /* passes without effect are listed */
    cross: false,      /* edges from lane to lane are drawn for all values, not only for the one selected */
    profile: false,    /* times are those of the profile; set on load where there is one */
    theme: 'light'
};

vitc.listeners = {};
vitc.panels = [];

vitc.on = function (event, listener) {
    (vitc.listeners[event] = vitc.listeners[event] || []).push(listener);
};

vitc.emit = function (event, a, b) {
    (vitc.listeners[event] || []).forEach(function (listener) {
        listener(a, b);
    });
};

vitc.panel = function (name, panel) {
    panel.name = name;
    vitc.panels.push(panel);
};

vitc.sameRef = function (a, b) {
    return a === b || Boolean(a && b && a.kind === b.kind && a.id === b.id);
};

vitc.select = function (ref, from) {
    if (vitc.sameRef(ref, vitc.state.selected)) return;
    vitc.state.selected = ref;
    vitc.emit('select', ref, from || '');
};

vitc.hover = function (ref, from) {
    if (vitc.sameRef(ref, vitc.state.hovered)) return;
    vitc.state.hovered = ref;
    vitc.emit('hover', ref, from || '');
};

/* Selects it, opens the groups that it lies in, and moves the graph there. */
vitc.reveal = function (ref, from) {
    vitc.select(ref, from);
    vitc.emit('reveal', ref, from || '');
};

vitc.setStage = function (i) {
    var before = vitc.state.stage;
    i = Math.max(0, Math.min(i, vitc.state.model.stages.length - 1));
    if (i === before) return;
    vitc.state.stage = i;
    vitc.emit('stage', i, before);
};

vitc.set = function (name, value) {
    if (vitc.state[name] === value) return;
    vitc.state[name] = value;
    vitc.emit('view', name);
};
